"""Reading a file that somebody wrote: YAML and JSON as plain data, safely."""

import re
from pathlib import Path
from typing import Any

import orjson
import yaml

from bursar.config.world.reports import WorldError

MAX_BYTES = 64 * 1024 * 1024  # a world of 100,000 learners has some 5 MB
MAX_DEPTH = 30  # levels of nesting; a world file needs seven
MAX_VALUES = 5_000_000  # once aliases are followed; more is an attack or a mistake

_Parser: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")


def read_json(path: Path) -> Any:
    """The document in a JSON file. Errors: WorldError, OSError."""
    try:
        return orjson.loads(_read(path))
    except orjson.JSONDecodeError as error:
        raise WorldError(path, [((), f"is not valid JSON: {error}")]) from error


def read_yaml(path: Path) -> Any:
    """The document in a YAML file: text, numbers, booleans, null, lists and mappings.

    ``no`` and ``on`` are text (Norway is a country), and so are dates. Refused: a key that stands
    twice, tags, nesting and aliases beyond all reason, more than one document.
    Errors: WorldError, OSError.
    """
    try:
        text = _read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WorldError(path, [((), f"is not UTF-8 text: {error.reason} at byte {error.start}")]) from error
    try:
        _check_depth(text)
        root = yaml.compose(text, Loader=_Parser)
        if root is None:
            raise _FaultError("is empty")
        _check_size(root)
        return _plain(root)
    except RecursionError as error:
        raise WorldError(path, [((), "holds aliases that are nested too deeply")]) from error
    except _FaultError as fault:
        raise WorldError(path, [((), str(fault))]) from fault
    except yaml.MarkedYAMLError as error:
        raise WorldError(path, [((), _describe(error))]) from error
    except yaml.YAMLError as error:
        raise WorldError(path, [((), f"is not valid YAML: {error}")]) from error


class _FaultError(Exception):
    """What is wrong with the file as a whole."""


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise WorldError(path, [((), f"is larger than {MAX_BYTES // 1024**2} MB")])
    return content


def _check_depth(text: str) -> None:
    """Refuses deep nesting before anything recursive sees the file: composing it would crash the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_Parser):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _FaultError(f"{_line(event)}: is nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _check_size(root: yaml.Node) -> None:
    """Refuses aliases that multiply, or that contain themselves."""
    sizes: dict[int, int] = {}
    inside: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in inside:
            raise _FaultError(f"{_line(node)}: contains itself")
        if id(node) not in sizes:
            inside.add(id(node))
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
            inside.discard(id(node))
        return sizes[id(node)]

    if size(root) > MAX_VALUES:
        raise _FaultError(f"holds more than {MAX_VALUES} values once its aliases are followed")


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _plain(node: yaml.Node) -> Any:
    if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.startswith("tag:yaml.org,2002:python"):
        raise _FaultError(f"{_line(node)}: the tag {node.tag} is not allowed")
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child) for child in node.value]
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _FaultError(f"{_line(key)}: a key must be text")
            if key.value in mapping:
                raise _FaultError(f"{_line(key)}: the key {key.value} stands twice")
            mapping[key.value] = _plain(value)
        return mapping
    return _scalar(node.value) if isinstance(node, yaml.ScalarNode) and not node.style else node.value


def _scalar(text: str) -> Any:
    """What a word without quotes means: the core of YAML 1.2."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _line(part: Any) -> str:
    return f"line {part.start_mark.line + 1}"


def _describe(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{error.problem or error.context or 'is not valid YAML'}"
