"""Paths of fields in rules and selectable fields: `.spec.name`, `.labels['a.b']`, checked against a schema.

Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go, ValidFieldPath.
"""

from __future__ import annotations

import re
from typing import Any

JSON = dict[str, Any]
_STEP = re.compile(r"\.([^.\[\]]+)|\['((?:\\.|[^'\\])*)'\]")


class BadFieldPath(ValueError):
    """The path is malformed or leads to no field."""


def resolve(path: str, schema: JSON, *, brackets: bool = True) -> tuple[str, JSON]:
    """The path as errors show it, with a dot in front, and the schema it leads to. Raises BadFieldPath."""
    shown, position = "", 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise BadFieldPath(f"expected [ or . but got: {path[position:]}")
        if match[2] is not None and not brackets:
            raise BadFieldPath("array notation is not allowed")
        name = match[1] if match[1] is not None else re.sub(r"\\(.)", r"\1", match[2])
        properties, additional = schema.get("properties"), schema.get("additionalProperties")
        if properties:
            if name not in properties:
                raise BadFieldPath("does not refer to a valid field")
            shown, schema = f"{shown}.{name}", properties[name]
        elif isinstance(additional, dict):
            shown, schema = f"{shown}[{name}]", additional
        else:
            raise BadFieldPath("does not refer to a valid field")
        position = match.end()
    return shown, schema


def normalized(path: str, schema: JSON) -> str:
    """The path as errors show it; empty when it leads nowhere."""
    try:
        return resolve(path.strip(), schema)[0]
    except BadFieldPath:
        return ""
