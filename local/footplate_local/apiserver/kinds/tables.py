"""Tables: what `kubectl get` shows (meta.k8s.io/v1 Table)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from footplate_local.apiserver.kinds import printers
from footplate_local.apiserver.kinds.registry import Column, ResourceType
from footplate_local.apiserver.schema.jsonpath import find

JSON = dict[str, Any]
_NAME = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": "Name must be unique within a namespace. Is required when creating resources.",
    "priority": 0,
}


def table(kind: ResourceType, objects: Sequence[JSON], meta: JSON, now: datetime, *, headers: bool = True) -> JSON:
    """The Table of some objects as their version shows them; `headers` False leaves the column definitions out."""
    columns, cells = _layout(kind)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": columns if headers else [],
        "rows": [{"cells": cells(obj, now), "object": _object(obj)} for obj in objects],
    }


def _object(obj: JSON) -> JSON:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _layout(kind: ResourceType) -> tuple[list[JSON], printers.Cells]:
    if not kind.custom:
        printer = printers.of(kind)
        if not printer.named:
            return list(printer.columns), printer.cells
        return [_NAME, *printer.columns], lambda obj, now: [obj["metadata"]["name"], *printer.cells(obj, now)]
    columns = [_NAME, *(_definition(column) for column in kind.columns)]
    return columns, lambda obj, now: [obj["metadata"]["name"], *(_cell(column, obj, now) for column in kind.columns)]


def _definition(column: Column) -> JSON:
    description = column.description
    if not description:
        description = f"Custom resource definition column (in JSONPath format): {column.json_path}"
        if column.json_path == ".metadata.creationTimestamp":
            description = (
                "CreationTimestamp is a timestamp representing the server time when this object was created. It is "
                "not guaranteed to be set in happens-before order across separate operations. Clients may not set "
                "this value. It is represented in RFC3339 form and is in UTC."
            )
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": description,
        "priority": column.priority,
    }


def _cell(column: Column, obj: JSON, now: datetime) -> Any:
    """A cell of the column's type, or None where the object has no such value (apiextensions tableconvertor)."""
    found = find(obj, column.json_path)
    if not found or found[0] is None:
        return None
    value = found[0]
    if column.type == "date":
        return printers.since(value, now) if isinstance(value, str) else None
    if column.type == "integer":
        return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if column.type == "number":
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if column.type == "boolean":
        return value if isinstance(value, bool) else None
    return ",".join(_text(item) for item in found) if len(found) > 1 else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return printers.compact(value)
