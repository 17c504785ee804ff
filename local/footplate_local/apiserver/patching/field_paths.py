"""Paths of fields, as managedFields write them and as messages show them.

A path is a tuple of elements: `f:name` of an object's field, `k:{"name":"a"}` of an item of a list of type map,
`v:"x"` of an item of a set. Elements are canonical texts, so that equal ones are equal strings.
Source: sigs.k8s.io/structured-merge-diff fieldpath.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

Element = str
Path = tuple[Element, ...]
SortKey = tuple[Any, ...]

_KINDS = "fkvi"


def of_field(name: str) -> Element:
    return f"f:{name}"


def of_item(keys: Mapping[str, Any]) -> Element:
    """The item of a list of type map that has these keys."""
    return "k:{" + ",".join(_pair(name, keys[name]) for name in sorted(keys)) + "}"


def _pair(name: str, value: Any) -> str:
    return _known_pair(name, value) if isinstance(value, str | int) else f"{go_json(name)}:{go_json(value)}"


@lru_cache(maxsize=8192, typed=True)
def _known_pair(name: str, value: str | int) -> str:
    return f"{go_json(name)}:{go_json(value)}"


def of_value(value: Any) -> Element:
    """The item of a set."""
    return "v:" + go_json(value)


def go_json(value: Any) -> str:
    """A value as Go's encoding/json writes it, in its own order of keys."""
    text = json.dumps(_whole(value), ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _whole(value: Any) -> Any:
    """1.0 is 1: the two are equal keys."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


@lru_cache(maxsize=8192)
def parsed(text: str) -> Element:
    """The canonical form of an element that somebody wrote. Raises ValueError."""
    kind, rest = text[:1], text[2:]
    if text[1:2] != ":" or kind not in _KINDS:
        raise ValueError(f"{text!r} is no element of a path: it begins with none of f:, k:, v:, i:")
    if kind == "f":
        return text
    value = json.loads(rest)
    if kind == "k":
        if not isinstance(value, dict):
            raise ValueError(f"{text!r} is no element of a path: keys are an object")
        return of_item(value)
    if kind == "i" and not isinstance(value, int):
        raise ValueError(f"{text!r} is no element of a path: an index is an integer")
    return of_value(value) if kind == "v" else f"i:{value}"


@lru_cache(maxsize=8192)
def element_order(element: Element) -> SortKey:
    """What elements are sorted by: fields by name, then items by their keys, then values."""
    kind, rest = element[0], element[2:]
    if kind == "f":
        return (0, rest)
    value = json.loads(rest)
    if kind == "k":
        return (1, *((name, *_value_order(item)) for name, item in value.items()))
    return (2, *_value_order(value)) if kind == "v" else (3, value)


def _value_order(value: Any) -> SortKey:
    match value:
        case bool():
            return (2, value)
        case int() | float():
            return (0, value)
        case str():
            return (1, value)
    return (3, go_json(value))


def path_order(path: Path) -> SortKey:
    """What paths are sorted by where they are listed: what an object has itself comes before what is deeper."""
    last = len(path) - 1
    return tuple((depth < last, element_order(element)) for depth, element in enumerate(path))


def shown(path: Path) -> str:
    """A path as messages show it: `.spec.containers[name="a"].image`."""
    return "".join(_shown(element) for element in path)


def _shown(element: Element) -> str:
    kind, rest = element[0], element[2:]
    if kind == "f":
        return f".{rest}"
    if kind == "k":
        return "[" + ",".join(f"{name}={_text(value)}" for name, value in json.loads(rest).items()) + "]"
    return f"[={_text(json.loads(rest))}]" if kind == "v" else f"[{rest}]"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
