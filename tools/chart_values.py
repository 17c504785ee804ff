"""The values of the chart as values.yaml documents them: a key, its default, and the comment over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml


class UndocumentedError(Exception):
    """A value has no comment over it; the message says which."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value that can be set, or a section of values."""

    path: tuple[str, ...]
    default: Any
    """None for a section."""
    text: str
    section: bool

    @property
    def name(self) -> str:
        return ".".join(self.path)


def documented(text: str) -> list[Value]:
    """All values of a values.yaml, in its order. Raises UndocumentedError.

    A mapping is a section when the first of its keys has a comment; otherwise it is one value, whose default it is.
    """
    node = yaml.compose(text)
    assert isinstance(node, yaml.MappingNode)
    return list(_values(node, text.splitlines(), ()))


def _values(node: yaml.MappingNode, lines: Sequence[str], path: tuple[str, ...]) -> Iterator[Value]:
    for key, value in node.value:
        here = (*path, key.value)
        comment = _comment(lines, key.start_mark.line)
        if not comment:
            raise UndocumentedError(f"values.yaml: {'.'.join(here)} has no comment over it that says what it is.")
        section = isinstance(value, yaml.MappingNode) and _is_section(value, lines)
        yield Value(here, None if section else _default(value), comment, section)
        if section:
            yield from _values(value, lines, here)


def _is_section(node: yaml.MappingNode, lines: Sequence[str]) -> bool:
    return not node.flow_style and bool(node.value) and bool(_comment(lines, node.value[0][0].start_mark.line))


def _default(node: yaml.Node) -> Any:
    return yaml.safe_load(yaml.serialize(node))


def _comment(lines: Sequence[str], line: int) -> str:
    """The lines of comment directly over a line, as one."""
    found: list[str] = []
    while line > 0 and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        found.insert(0, lines[line].lstrip().removeprefix("#").strip())
    return " ".join(found)
