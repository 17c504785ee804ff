"""Paths of fields in error causes (apimachinery pkg/util/validation/field): `spec.list[0].name`, `spec.labels[a.b]`."""

from __future__ import annotations


def child(path: str, name: str) -> str:
    """A field of an object."""
    return f"{path}.{name}" if path else name


def keyed(path: str, key: str) -> str:
    """A value of a map, or a part of a schema that has a name of its own."""
    return f"{path}[{key}]"


def indexed(path: str, index: int) -> str:
    return f"{path}[{index}]"
