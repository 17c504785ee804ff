"""Who set which field: managedFields and server-side apply.

Source: Kubernetes documentation "Server-Side Apply"; sigs.k8s.io/structured-merge-diff. A field set is a set of paths;
a path is a tuple of FieldsV1 elements (`f:name`, `k:{"name":"a"}`, `v:"x"`).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from footplate_local.apiserver.kinds import builtin_schemas

JSON = dict[str, Any]
Path = tuple[str, ...]

_NOT_OWNED = {
    ("f:apiVersion",), ("f:kind",), ("f:metadata",),
    *(
        ("f:metadata", f"f:{name}")
        for name in ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink",
                     "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields")
    ),
}  # fmt: skip
_ITEM = object()


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a value's place: its schema. `root` is an object with metadata of the usual form."""

    schema: JSON
    root: bool = False

    def field(self, name: str) -> Shape:
        if self.root and name == "metadata":
            return Shape(builtin_schemas.object_meta())
        inner = (self.schema.get("properties") or {}).get(name) or self.schema.get("additionalProperties")
        return Shape(inner if isinstance(inner, dict) else {})

    def items(self) -> Shape:
        return Shape(self.schema.get("items") or {})

    @property
    def atomic(self) -> bool:
        return self.schema.get("x-kubernetes-map-type") == "atomic"

    def identity(self, item: Any) -> str | None:
        """The path element of a list item, or None in an atomic list."""
        kind = self.schema.get("x-kubernetes-list-type", "atomic")
        keys = self.schema.get("x-kubernetes-list-map-keys", ())
        if kind == "set":
            return "v:" + json.dumps(item, sort_keys=True, separators=(",", ":"))
        if kind == "map" and keys and isinstance(item, dict):
            return "k:" + json.dumps({key: item.get(key) for key in keys}, sort_keys=True, separators=(",", ":"))
        return None

    def granular(self, items: list[Any]) -> bool:
        return bool(items) and all(self.identity(item) is not None for item in items)


def leaves(obj: JSON, schema: JSON) -> dict[Path, Any]:
    """Every owned path of an object with its value (of list items: a marker)."""
    return {path: value for path, value in _leaves(obj, Shape(schema, root=True), ()) if path not in _NOT_OWNED}


def _leaves(value: Any, shape: Shape, path: Path) -> Iterator[tuple[Path, Any]]:
    if path in _NOT_OWNED and path != ("f:metadata",):
        return
    if isinstance(value, dict) and value and not shape.atomic:
        for name, item in value.items():
            yield from _leaves(item, shape.field(name), (*path, f"f:{name}"))
    elif isinstance(value, list) and shape.granular(value):
        for item in value:
            place = (*path, str(shape.identity(item)))
            yield place, _ITEM
            if isinstance(item, dict):
                yield from _leaves(item, shape.items(), place)
    else:
        yield path, value


@dataclass(slots=True)
class Owner:
    """One entry of managedFields."""

    manager: str
    operation: str
    api_version: str
    subresource: str
    time: str
    fields: set[Path]

    def same(self, other: Owner) -> bool:
        return (self.manager, self.operation, self.api_version, self.subresource) == (
            other.manager, other.operation, other.api_version, other.subresource,
        )  # fmt: skip

    def entry(self) -> JSON:
        entry = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": _tree(self.fields),
        }
        if self.subresource:
            entry["subresource"] = self.subresource
        return entry


def _tree(paths: Iterable[Path]) -> JSON:
    tree: JSON = {}
    members = set(paths)
    for path in sorted(members):
        node = tree
        for depth, element in enumerate(path, start=1):
            node = node.setdefault(element, {})
            if path[:depth] in members and depth < len(path):
                node.setdefault(".", {})
    return tree


def _paths(tree: JSON, prefix: Path = ()) -> Iterator[Path]:
    if prefix and (not tree or "." in tree):
        yield prefix
    for element, inner in tree.items():
        if element != ".":
            yield from _paths(inner, (*prefix, element))


def owners(obj: JSON) -> list[Owner]:
    return [
        Owner(
            entry.get("manager", ""),
            entry.get("operation", "Update"),
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
            entry.get("time", ""),
            set(_paths(entry.get("fieldsV1") or {})),
        )
        for entry in obj["metadata"].get("managedFields") or ()
    ]


def _write(obj: JSON, entries: list[Owner]) -> None:
    kept = [owner.entry() for owner in entries if owner.fields]
    if kept:
        obj["metadata"]["managedFields"] = kept
    else:
        obj["metadata"].pop("managedFields", None)


def record_update(old: JSON | None, new: JSON, schema: JSON, writer: Owner) -> None:
    """Set managedFields of `new`: what differs from `old` belongs to the writer now."""
    before = leaves(old, schema) if old is not None else {}
    after = leaves(new, schema)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    removed = before.keys() - after.keys()
    entries = owners(old) if old is not None else []
    own = next((entry for entry in entries if entry.same(writer)), None)
    for entry in entries:
        entry.fields -= removed
        if entry is not own:
            entry.fields -= changed
    if changed:
        if own is None:
            entries.append(writer)
            own = writer
        own.fields |= changed
        own.time = writer.time
    _write(new, entries)


@dataclass(frozen=True, slots=True)
class FieldConflict:
    manager: str
    path: str


def apply(live: JSON, applied: JSON, schema: JSON, writer: Owner, *, force: bool) -> tuple[JSON, list[FieldConflict]]:
    """The live object after a server-side apply, and the conflicts that forbid it (none when forced).

    `live` is {"metadata": {}} when there is no object yet. Neither argument is changed.
    """
    entries = owners(live)
    own = next((entry for entry in entries if entry.same(writer)), None)
    wanted = set(leaves(applied, schema))
    merged = _merge(live, applied, Shape(schema, root=True))
    others = [entry for entry in entries if entry is not own]
    dropped = (own.fields if own else set()) - wanted
    dropped -= {path for entry in others for path in entry.fields}
    for path in sorted(dropped, key=len, reverse=True):
        _remove(merged, path, Shape(schema, root=True))
    before, after = leaves(live, schema), leaves(merged, schema)
    changed = {path for path in wanted if path in after and before.get(path, _NOT_OWNED) != after[path]}
    conflicts = [
        FieldConflict(entry.manager, dotted(path)) for entry in others for path in sorted(entry.fields & changed)
    ]
    if conflicts and not force:
        return merged, conflicts
    for entry in others:
        entry.fields -= changed
        entry.fields -= before.keys() - after.keys()
    if own is None:
        own = writer
        entries.append(own)
    elif own.fields != wanted or changed:
        own.time = writer.time
    own.fields = wanted
    _write(merged, entries)
    return merged, []


def _merge(live: Any, applied: Any, shape: Shape) -> Any:
    if isinstance(applied, dict) and isinstance(live, dict) and not shape.atomic:
        merged = dict(live)
        for name, value in applied.items():
            merged[name] = _merge(live.get(name), value, shape.field(name))
        return merged
    if isinstance(applied, list) and isinstance(live, list) and shape.granular([*live, *applied]):
        items = {shape.identity(item): item for item in live}
        for item in applied:
            place = shape.identity(item)
            items[place] = _merge(items.get(place), item, shape.items())
        return list(items.values())
    return copy.deepcopy(applied)


def _remove(value: Any, path: Path, shape: Shape) -> None:
    """Remove what a path leads to; containers on the way that `_merge` shared with the live object are copied."""
    element, rest = path[0], path[1:]
    if isinstance(value, dict) and element.startswith("f:") and element[2:] in value:
        name = element[2:]
        if rest:
            value[name] = copy.copy(value[name])
            _remove(value[name], rest, shape.field(name))
        else:
            del value[name]
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if shape.identity(item) == element:
                if rest:
                    value[index] = copy.copy(item)
                    _remove(value[index], rest, shape.items())
                else:
                    del value[index]
                return


def dotted(path: Path) -> str:
    """A path as the API server's messages show it: `.spec.containers[name="a"].image`."""
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(rest).items()) + "]"
        else:
            text += f"[={rest}]"
    return text
