"""What became of one item of a set."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one item of a set was refused while the others went on.

    ``code`` is stable and meant for programs, ``message`` is meant for people.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Saved:
    """What a load of rows did: how many were made, how many were changed, how many were as wanted already."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: "Saved") -> "Saved":
        return Saved(
            self.created + other.created, self.changed + other.changed, self.unchanged + other.unchanged
        )
