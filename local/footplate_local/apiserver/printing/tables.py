"""Tables: what `kubectl get` shows (meta.k8s.io/v1 Table)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from footplate_local.apiserver.kinds.registry import Column, ResourceType
from footplate_local.apiserver.printing import columns as printing
from footplate_local.apiserver.printing import printers
from footplate_local.apiserver.printing.columns import Printer
from footplate_local.apiserver.schema.jsonpath import BadPath, find, parse

JSON = dict[str, Any]


def table(kind: ResourceType, objects: Sequence[JSON], meta: JSON, now: datetime, *, headers: bool = True) -> JSON:
    """The Table of some objects as their version shows them; `headers` False leaves the column definitions out."""
    printer = _custom_printer(kind) if kind.custom else printers.of(kind)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": [column.definition() for column in printer.columns] if headers else [],
        "rows": [_row(printer, obj, now) for obj in objects],
    }


def _row(printer: Printer, obj: JSON, now: datetime) -> JSON:
    row: JSON = {"cells": printer.cells(obj, now)}
    if conditions := printer.conditions(obj):
        row["conditions"] = conditions
    row["object"] = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
    return row


def _custom_printer(kind: ResourceType) -> Printer:
    """The name and the columns that the definition of a custom kind declares (apiextensions tableconvertor)."""

    columns = _readable(kind.columns)

    def cells(obj: JSON, now: datetime) -> list[Any]:
        return [obj["metadata"]["name"], *(_cell(column, obj, now) for column in columns)]

    return Printer([printing.NAME, *(_column(column) for column in columns)], cells)


def _readable(columns: Sequence[Column]) -> list[Column]:
    """The columns before the first one whose path cannot be read, which a definition may have all the same."""
    found = []
    for column in columns:
        try:
            parse(column.json_path)
        except BadPath:
            break
        found.append(column)
    return found


def _column(column: Column) -> printing.Column:
    about = column.description or f"Custom resource definition column (in JSONPath format): {column.json_path}"
    return printing.Column(column.name, about, column.type, column.priority, column.format)


def _cell(column: Column, obj: JSON, now: datetime) -> Any:
    """A cell of the column's type, or None where the object has no such value; of several values the first one."""
    found = find(obj, column.json_path)
    if not found:
        return None
    value = found[0]
    if column.type == "string":
        return _text(value)
    if column.type == "date":
        return printing.since(value, now) if isinstance(value, str) else None
    if column.type == "integer":
        return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if column.type == "number":
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return value if isinstance(value, bool) else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "<no value>"  # as Go's templates print it
    if isinstance(value, bool):
        return "true" if value else "false"
    return printing.compact(value)
