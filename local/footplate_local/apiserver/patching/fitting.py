"""Whether an object fits its schema as a configuration to apply must, in structured-merge-diff's words.

Source: sigs.k8s.io/structured-merge-diff typed/{validate,helpers}.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footplate_local.apiserver.patching.field_paths import Element, Path, go_json, of_field, shown
from footplate_local.apiserver.patching.shapes import Form, NoIdentity, Shape

JSON = dict[str, Any]


def misfits(obj: JSON, shape: Shape) -> list[str]:
    """Sentences about what does not fit the schema, in structured-merge-diff's words."""
    return [f"{shown(path)}: {text}" if path else text for path, text in _misfits(obj, shape, ())]


def _misfits(value: Any, shape: Shape, path: Path) -> Iterator[tuple[Path, str]]:
    if value is None:
        return
    match shape.form(value):
        case Form.MAP:
            if not isinstance(value, dict):
                yield path, f"expected map, got &{{{_shown_value(value)}}}"
                return
            for name, item in value.items():
                inner = shape.field(name)
                if inner is None:
                    yield (*path, of_field(name)), "field not declared in schema"
                    return
                yield from _misfits(item, inner, (*path, of_field(name)))
        case Form.LIST:
            if not isinstance(value, list):
                yield path, f"expected list, got &{{{_shown_value(value)}}}"
                return
            yield from _list_misfits(value, shape, path)
        case Form.SCALAR:
            text = _scalar_misfit(value, shape)
            if text:
                yield path, text


def _list_misfits(items: list[Any], shape: Shape, path: Path) -> Iterator[tuple[Path, str]]:
    inner = shape.items()
    seen: set[Element] = set()
    for index, item in enumerate(items):
        element = f"i:{index}"
        if not shape.atomic_list:
            try:
                element = shape.identity(item)
            except NoIdentity as error:
                yield path, f"element {index}: {error}"
                return
            if element in seen:
                yield path, f"duplicate entries for key {shown((element,))}"
            seen.add(element)
        yield from _misfits(item, inner, (*path, element))


def _scalar_misfit(value: Any, shape: Shape) -> str:
    any_scalar = shape.schema.get("x-kubernetes-int-or-string") or shape.schema.get("format") == "quantity"
    match None if any_scalar else shape.schema.get("type"):
        case "integer" | "number" if isinstance(value, bool) or not isinstance(value, int | float):
            return f"expected numeric (int or float), got {_go_type(value)}"
        case "string" if not isinstance(value, str):
            return f"expected string, got &value.valueUnstructured{{Value:{_go_syntax(value)}}}"
        case "boolean" if not isinstance(value, bool):
            return f"expected boolean, got &{{{_shown_value(value)}}}"
        case None if isinstance(value, dict | list):
            return f"expected any scalar, got &{{{_shown_value(value)}}}"
    return ""


def _go_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
        case list():
            return "[]interface {}"
    return "map[string]interface {}"


def _go_syntax(value: Any) -> str:
    """A value as Go's `%#v` shows one that was decoded from JSON."""
    match value:
        case list():
            return "[]interface {}{" + ", ".join(_go_syntax(item) for item in value) + "}"
        case dict():
            pairs = (f"{go_json(key)}:{_go_syntax(value[key])}" for key in sorted(value))
            return "map[string]interface {}{" + ", ".join(pairs) + "}"
    return go_json(value)


def _shown_value(value: Any) -> str:
    """The same as `%v` shows it."""
    match value:
        case None:
            return "<nil>"
        case str():
            return value
        case list():
            return "[" + " ".join(_shown_value(item) for item in value) + "]"
        case dict():
            return "map[" + " ".join(f"{key}:{_shown_value(value[key])}" for key in sorted(value)) + "]"
    return go_json(value)
