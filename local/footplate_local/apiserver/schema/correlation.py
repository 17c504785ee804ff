"""Which parts of an object and of its former state belong together (apiserver pkg/cel/common, CorrelatedObject).

What did not change is not checked again, so that objects from before a schema became stricter can still be worked with
(Kubernetes: validation ratcheting); transition rules see the former state of the same part.
"""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]
MISSING: Any = object()
"""There is no former value to compare with."""


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values: unlike Python's, true is not 1."""
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(same(item, right[key]) for key, item in left.items())
        )
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def former_field(old: Any, name: str) -> Any:
    return old.get(name, MISSING) if isinstance(old, dict) else MISSING


def former_item(item: Any, old: Any, schema: JSON) -> Any:
    """An item's state in the former list: found by its keys in a list of type map; items of other lists have none."""
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(old, list) or not isinstance(item, dict):
        return MISSING
    identity = map_keys(item, schema)
    return next(
        (before for before in old if isinstance(before, dict) and same(map_keys(before, schema), identity)), MISSING
    )


def map_keys(item: JSON, schema: JSON) -> JSON:
    """What an item of a list of type map is told apart by."""
    return {key: item[key] for key in schema.get("x-kubernetes-list-map-keys") or () if key in item}


def in_order_of(new: Any, old: Any, schema: JSON) -> Any:
    """The former state of a value, with lists of type set and map in the order of the new ones.

    Such lists are equal whatever their order (apiserver pkg/cel/common/values.go); CEL compares any list in order.
    """
    if isinstance(new, dict) and isinstance(old, dict):
        ordered = {}
        for key, item in old.items():
            inner = (schema.get("properties") or {}).get(key, schema.get("additionalProperties"))
            ordered[key] = in_order_of(new[key], item, inner) if key in new and isinstance(inner, dict) else item
        return ordered
    if not isinstance(new, list) or not isinstance(old, list):
        return old
    kind, items = schema.get("x-kubernetes-list-type"), schema.get("items")
    if kind not in ("set", "map") or not isinstance(items, dict):
        return old
    left, found = list(old), []
    for item in new:
        place = next((place for place, before in enumerate(left) if _are_one(item, before, schema)), None)
        if place is not None:
            found.append(in_order_of(item, left.pop(place), items))
    return found + left


def _are_one(item: Any, before: Any, schema: JSON) -> bool:
    """Whether two items of a list of type set or map stand for the same thing."""
    if schema["x-kubernetes-list-type"] == "map" and isinstance(item, dict) and isinstance(before, dict):
        return same(map_keys(item, schema), map_keys(before, schema))
    return same(item, before)
