"""The kinds of jobs that there are."""

from collections.abc import Iterable

from bursar.jobs.data import JobKind

_kinds: dict[str, JobKind] = {}


def register(kinds: Iterable[JobKind]) -> None:
    """Takes over the table of kinds. Called once, when the process starts."""
    listed = list(kinds)
    if len({kind.name for kind in listed}) < len(listed):
        raise ValueError("two kinds of jobs have the same name")
    _kinds.clear()
    _kinds.update({kind.name: kind for kind in listed})


def find_kind(name: str) -> JobKind | None:
    """The kind of this name, or None when the code no longer has it."""
    return _kinds.get(name)


def list_kinds() -> list[JobKind]:
    """All kinds."""
    return list(_kinds.values())
