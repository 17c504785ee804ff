"""What an object becomes when a configuration is laid over it, and when fields are taken out of it.

Neither function changes its arguments; results share parts with them. Source: sigs.k8s.io/structured-merge-diff
typed/{merge,remove}.go and fieldpath/set.go (EnsureNamedFieldsAreMembers).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from footplate_local.apiserver.patching.comparing import below
from footplate_local.apiserver.patching.field_paths import Element, Path, of_field
from footplate_local.apiserver.patching.field_sets import FieldSet, holds, tree
from footplate_local.apiserver.patching.shapes import MISSING, Form, Shape

JSON = dict[str, Any]


def merge(live: Any, applied: Any, shape: Shape) -> Any:
    """The live value with an applied one laid over it; MISSING when there is nothing left.

    Raises NoIdentity when a list has items that cannot be told apart.
    """
    form = shape.form(live if applied is MISSING else applied)
    if form is Form.MAP and not shape.atomic_map:
        before = live if isinstance(live, dict) else {}
        after = applied if isinstance(applied, dict) else {}
        if before or after:
            return _merged_fields(before, after, shape)
    if form is Form.LIST and not shape.atomic_list:
        old = live if isinstance(live, list) else []
        new = applied if isinstance(applied, list) else []
        if old or new:
            return _merged_items(old, new, shape) or MISSING
    return live if applied is MISSING else applied


def _merged_fields(live: JSON, applied: JSON, shape: Shape) -> Any:
    merged: JSON = {}
    for name in dict.fromkeys([*live, *applied]):
        value = merge(live.get(name, MISSING), applied.get(name, MISSING), below(shape, name))
        if value is not MISSING:
            merged[name] = value
    return merged or MISSING


def _merged_items(live: list[Any], applied: list[Any], shape: Shape) -> list[Any]:
    """Items of both lists in an order that keeps that of the applied ones, and else that of the live ones.

    An applied item comes as soon as all live items that precede its live twin have come.
    """
    left, right = [shape.identity(item) for item in live], [shape.identity(item) for item in applied]
    by_left = _first_of_each(left, live)
    wanted = dict(zip(right, applied, strict=True))
    shared = iter([element for element in right if element in by_left])
    next_shared = next(shared, None)
    done: set[Element] = set()
    merged: list[Any] = []

    def take(element: Element, old: Any, new: Any) -> None:
        value = merge(old, new, shape.items())
        if value is not MISSING:
            merged.append(value)

    i = j = 0
    while i < len(left) or j < len(right):
        if i < len(left) and j < len(right):
            element = left[i]
            if element == right[j]:
                done.add(element)
                take(element, by_left[element], wanted[element])
                i, j, next_shared = i + 1, j + 1, next(shared, None)
                continue
            if element in wanted and next_shared is not None and next_shared != element:
                i += 1  # it comes where the applied list has it
                continue
        if i < len(left):
            element = left[i]
            if element not in wanted:
                take(element, live[i], MISSING)
                i += 1
                continue
            if element in done:
                i += 1
        if j < len(right):
            element = right[j]
            done.add(element)
            take(element, by_left.get(element, MISSING), wanted[element])
            j += 1
            if next_shared == element:
                next_shared = next(shared, None)
    return merged


def _first_of_each(elements: list[Element], items: list[Any]) -> dict[Element, Any]:
    """Items by identity; of items that are not unique none is merged with, so there is null."""
    found: dict[Element, Any] = {}
    for element, item in zip(elements, items, strict=True):
        found[element] = None if element in found else item
    return found


def remove(value: Any, paths: FieldSet, shape: Shape) -> Any:
    """A value without the fields and items at some paths. What loses all its parts becomes null."""
    return _without(value, tree(paths), shape) if paths else value


def _without(value: Any, node: JSON, shape: Shape) -> Any:
    form = shape.form(value)
    if form is Form.MAP:
        return None if shape.atomic_map or not isinstance(value, dict) else _fields_without(value, node, shape)
    if form is Form.LIST:
        return None if shape.atomic_list or not isinstance(value, list) else _items_without(value, node, shape)
    return value


def _fields_without(value: JSON, node: JSON, shape: Shape) -> JSON | None:
    kept: JSON = {}
    for name, item in value.items():
        inner = node.get(of_field(name))
        if inner is None:
            kept[name] = item
        elif not holds(inner):
            kept[name] = _without(item, inner, below(shape, name))
    return kept or None


def _items_without(items: list[Any], node: JSON, shape: Shape) -> list[Any] | None:
    kept = []
    for item in items:
        inner = node.get(shape.identity(item))
        if inner is None:
            kept.append(item)
        elif not holds(inner):
            kept.append(_without(item, inner, shape.items()))
    return kept or None


def with_named_fields(paths: FieldSet, shape: Shape) -> FieldSet:
    """A set with every field on the way to a path of it that the schema names (and does not just allow)."""
    found = set(paths)
    for path in paths:
        place: Shape | None = shape
        for depth, element in enumerate(path[:-1], start=1):
            if place is None:
                break
            if element.startswith("f:"):
                name = element[2:]
                if place.declares(name):
                    found.add(path[:depth])
                place = place.field(name)
            else:
                place = place.items() if element.startswith("k:") else None
    return frozenset(found)


def cut_at_atoms(paths: Iterable[Path], shape: Shape) -> FieldSet:
    """A set that fits a schema in which something is atomic now that was not when the set was written."""
    return frozenset(_cut(path, shape) for path in paths)


def _cut(path: Path, shape: Shape) -> Path:
    place: Shape | None = shape
    for depth, element in enumerate(path):
        if place is None or place.deduced:
            return path
        if element.startswith("f:"):
            if depth and place.atomic_map:
                return path[:depth]
            place = place.field(element[2:])
        else:
            if place.atomic_list:
                return path[:depth]
            place = place.items()
    return path
