"""Strategic merge patches: lists of built-in kinds are merged by their keys, as their schemas say.

Source: apimachinery pkg/util/strategicpatch/patch.go and pkg/util/mergepatch/errors.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from footplate_local.apiserver.copying import copied

JSON = dict[str, Any]

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList"
_ORDER = "$setElementOrder"


class BadPatch(Exception):
    """The patch makes no sense."""


class PatchMismatch(Exception):
    """The patch is one, but does not fit the object."""


def strategic_merge_patch(document: JSON, patch: JSON, schema: JSON) -> JSON:
    """The document after a patch, by the schema of its kind; neither argument is changed.

    Raises BadPatch and PatchMismatch.
    """
    return _merge_map(copied(document), copied(patch), schema)


def _merge_map(original: JSON, patch: JSON, schema: JSON) -> JSON:
    """May change both its arguments."""
    if _DIRECTIVE in patch:
        return _directed(patch)
    _retain_keys(original, patch)
    for name in [name for name in patch if name.startswith(_ORDER)]:
        _merge_in_order(original, patch, name, schema)
    for name, value in patch.items():
        if name.startswith(_DELETE_PRIMITIVES):
            _delete_primitives(original, _target(name, _DELETE_PRIMITIVES), value)
        elif value is None:
            original.pop(name, None)
        elif type(original.get(name)) is not type(value):
            _set_new(original, name, value)
        elif isinstance(value, dict):
            inner = _field(schema, name)
            if "replace" in _strategies(inner):
                original[name] = value
            else:
                original[name] = _merge_map(original[name], value, inner)
        elif isinstance(value, list):
            original[name] = _merge_list(original[name], value, _field(schema, name))
        else:
            original[name] = value
    return original


def _directed(patch: JSON) -> JSON:
    directive = patch.pop(_DIRECTIVE)
    if directive == "replace":
        return patch
    if directive == "delete":
        return {}
    raise BadPatch(f"unknown patch type: {directive} in map: {patch}")


def _retain_keys(original: JSON, patch: JSON) -> None:
    if _RETAIN not in patch:
        return
    kept = patch.pop(_RETAIN)
    named = [name for name, value in patch.items()
             if value is not None and not name.startswith((_DELETE_PRIMITIVES, _ORDER))]  # fmt: skip
    if not isinstance(kept, list) or any(name not in kept for name in named):
        raise BadPatch("invalid patch format of retainKeys")
    for name in [name for name in original if name not in kept]:
        del original[name]


def _set_new(original: JSON, name: str, value: Any) -> None:
    """Set what was not there, or was of another type: directives in it have nothing to direct."""
    if isinstance(value, dict) and _DIRECTIVE in value:
        original.pop(name, None)
    else:
        original[name] = _plain(value)


def _plain(value: Any) -> Any:
    """A value without nulls in objects, and without objects that carry directives."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None and not _has_directive(item)}
    if isinstance(value, list):
        return [_plain(item) for item in value if not _has_directive(item)]
    return value


def _has_directive(item: Any) -> bool:
    return isinstance(item, dict) and _DIRECTIVE in item


def _target(name: str, prefix: str) -> str:
    """The field that a directive such as `$setElementOrder/containers` speaks of."""
    start, _, field = name.partition("/")
    if start != prefix or not field:
        what = "primitive" if prefix == _DELETE_PRIMITIVES else "setElementOrder"
        raise BadPatch(f"invalid patch format of {what} list")
    return field


def _delete_primitives(original: JSON, name: str, gone: Any) -> None:
    if gone is None:
        original.pop(name, None)
        return
    if not isinstance(gone, list) or name not in original:
        return
    items = original[name]
    if not isinstance(items, list) or _element_kind([*items, *gone]) in (dict, None):
        return
    original[name] = [item for item in items if item not in gone]


def _field(schema: JSON, name: str) -> JSON:
    inner = (schema.get("properties") or {}).get(name) or schema.get("additionalProperties")
    return inner if isinstance(inner, dict) else {}


def _strategies(schema: JSON) -> list[str]:
    return str(schema.get("x-kubernetes-patch-strategy", "")).split(",")


def _element_kind(items: Sequence[Any]) -> type | None:
    """The one type of all items; None when there are none."""
    kinds = {type(item) for item in items}
    if list in kinds:
        raise PatchMismatch("lists of lists are not supported")
    if len(kinds) > 1:
        raise BadPatch(f"list element types are not identical: {list(items)}")
    return kinds.pop() if kinds else None


# ---------------------------------------------------------------------- lists


def _merge_list(original: list[Any], patch: list[Any], schema: JSON) -> list[Any]:
    """Merge a list by its strategy; a list without one is replaced."""
    if "merge" not in _strategies(schema):
        return patch
    kind = _element_kind([*original, *patch])
    if kind is None:
        return original
    key = ""
    if kind is dict:
        key = str(schema.get("x-kubernetes-patch-merge-key", ""))
        if not key:
            raise BadPatch("cannot merge lists without merge key")
        original, patch = _without_directed(original, patch, key)
        merged = _merge_items(original, patch, key, schema.get("items") or {})
    else:
        merged = _unique([*original, *patch])
    return _ordered(merged, patch, original, key)


def _without_directed(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Both lists after the items of the patch that say to delete an item, or to replace the list."""
    plain, replace = [], False
    for item in patch:
        directive = item.get(_DIRECTIVE)
        if _DIRECTIVE not in item:
            plain.append(item)
        elif directive == "delete":
            gone = _key_of(item, key)
            original = [each for each in original if each.get(key) != gone]
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise BadPatch("merging lists cannot yet be specified in the patch")
        else:
            raise BadPatch(f"unknown patch type: {directive} in map: {item}")
    return (plain, []) if replace else (original, plain)


def _merge_items(original: list[Any], patch: list[Any], key: str, schema: JSON) -> list[Any]:
    merged = list(original)
    for item in patch:
        identity = _key_of(item, key)
        place = next((index for index, each in enumerate(merged) if each.get(key) == identity), None)
        if place is None:
            merged.append(item)
        else:
            merged[place] = _merge_map(merged[place], item, schema)
    return merged


def _key_of(item: Any, key: str) -> Any:
    if not isinstance(item, dict):
        raise BadPatch(f"expected a map with the merge key {key}, but received {item!r}")
    if key not in item:
        raise BadPatch(f"map: {item} does not contain declared merge key: {key}")
    return item[key]


def _unique(items: list[Any]) -> list[Any]:
    return [item for index, item in enumerate(items) if item not in items[:index]]


def _merge_in_order(original: JSON, patch: JSON, directive: str, schema: JSON) -> None:
    """Merge the list that `$setElementOrder/…` speaks of and bring it into that order."""
    order = patch.pop(directive)
    name = _target(directive, _ORDER)
    before, changes = original.get(name), patch.pop(name, None)
    inner = _field(schema, name)
    key = str(inner.get("x-kubernetes-patch-merge-key", ""))
    if not all(isinstance(each, list | None) for each in (before, changes)) or not isinstance(order, list):
        raise BadPatch("invalid patch format of setElementOrder list")
    _check_order(changes or [], order, key)
    if before is not None and changes is not None:
        merged = _merge_list(before, changes, inner)
    elif before is not None:
        merged = before
    elif changes is not None:
        merged = _plain(changes)
    else:
        return
    original[name] = _ordered(merged, order, _order_left(before or [], changes or [], key), key)


def _order_left(before: list[Any], changes: list[Any], key: str) -> list[Any]:
    """The order that a list had, as kube-apiserver remembers it: items that are deleted make room for new ones.

    It deletes in place and appends to what is left, so the first new items stand where the last ones stood.
    """
    if not key or not before:
        return before
    slots, length = list(before), len(before)
    for item in changes:
        if _has_directive(item) and item[_DIRECTIVE] == "delete":
            kept = [each for each in slots[:length] if _key_of(each, key) != _key_of(item, key)]
            slots[: len(kept)], length = kept, len(kept)
    known = [_key_of(each, key) for each in slots[:length]]
    new = [item for item in changes if not _has_directive(item) and _key_of(item, key) not in known]
    room = len(slots) - length
    slots[length : length + len(new[:room])] = new[:room]
    return slots


def _check_order(patch: list[Any], order: list[Any], key: str) -> None:
    """The items of a patch must come in the order that it asks for."""
    if not patch or not order:
        return
    wanted = [_key_of(item, key) if key else item for item in order]
    for item in patch:
        if _has_directive(item):
            continue
        identity = _key_of(item, key) if key else item
        if identity not in wanted:
            raise BadPatch(f"The order in patch list:\n{patch}\n doesn't match {_ORDER} list:\n{order}\n")
        del wanted[: wanted.index(identity) + 1]


def _ordered(merged: list[Any], patch_order: list[Any], server_order: list[Any], key: str) -> list[Any]:
    """The items that the patch names in its order, with the others among them where the server had them."""

    def identity(item: Any) -> Any:
        return _key_of(item, key) if key else item

    wanted = [identity(item) for item in patch_order]
    had = [identity(item) for item in server_order]

    def place(order: list[Any], item: Any) -> int:
        return order.index(identity(item)) if identity(item) in order else -1

    named = sorted((item for item in merged if identity(item) in wanted), key=lambda item: place(wanted, item))
    others = sorted((item for item in merged if identity(item) not in wanted), key=lambda item: place(had, item))
    result: list[Any] = []
    while named and others:
        first, second = place(had, others[0]), place(had, named[0])
        from_server = first >= 0 and second >= 0 and first < second
        result.append((others if from_server else named).pop(0))
    return result + named + others
