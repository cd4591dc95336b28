"""What the outbox does when something happens elsewhere."""

from bursar.outbox.scrubbing import NOTE_RETIRED_PEOPLE, note_retired_people

__all__ = ["NOTE_RETIRED_PEOPLE", "note_retired_people"]
