"""What a load did, and what is wrong with a file, in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bursar.lib.outcomes import Saved
from bursar.lib.problems import Path as DocumentPath
from bursar.lib.problems import path_text

MAX_PROBLEMS = 200  # lines; whoever mends these sees the rest next time


class WorldError(Exception):
    """The file is refused, or the load could not go on. Each line: file, path, reason."""

    def __init__(self, file: Path, problems: Sequence[tuple[DocumentPath, str]]) -> None:
        self.problems = [(path_text(path), reason) for path, reason in problems]
        lines = [f"{file}: {path}: {why}" if path else f"{file}: {why}" for path, why in self.problems]
        hidden = len(lines) - MAX_PROBLEMS
        super().__init__("\n".join(lines[:MAX_PROBLEMS] + ([f"... and {hidden} more"] if hidden > 0 else [])))


@dataclass(slots=True)
class Report:
    """What became of each kind of row, what was skipped and what was refused. ``str`` gives it in words."""

    file: Path
    kinds: dict[str, Saved] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, saved: Saved) -> None:
        """Counts rows of a kind; kinds appear in the order in which they came first."""
        self.kinds[kind] = self.kinds.get(kind, Saved()) + saved

    @property
    def has_changed_something(self) -> bool:
        return any(saved.created or saved.changed for saved in self.kinds.values())

    def __str__(self) -> str:
        lines = [f"{self.file}:", f"  {'':18}{'made':>8}{'changed':>9}{'unchanged':>11}"]
        lines += [
            f"  {kind:18}{saved.created:8}{saved.changed:9}{saved.unchanged:11}"
            for kind, saved in self.kinds.items()
        ]
        if not self.kinds:
            lines[1:] = ["  There is nothing in it."]
        for title, told in (
            ("Skipped, because this version of Bursar has no place for it yet:", self.skipped),
            ("Refused:", self.refused),
            ("Worth knowing:", self.notes),
        ):
            lines += [title, *(f"  {line}" for line in told)] if told else []
        if self.kinds and not self.has_changed_something:
            lines.append("Nothing changed: everything was as wanted already.")
        return "\n".join(lines)
