"""Who owns which fields after a write, and what an object is after a server-side apply.

Sources: sigs.k8s.io/structured-merge-diff merge/{update,conflict}.go; apimachinery
pkg/util/managedfields/internal (stripmeta, managedfieldsupdater, skipnonapplied).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.patching import managed_fields
from footplate_local.apiserver.patching.comparing import Comparison, compare, fields_of, same
from footplate_local.apiserver.patching.field_paths import Path, path_order
from footplate_local.apiserver.patching.field_sets import NOTHING, FieldSet, without_below
from footplate_local.apiserver.patching.managed_fields import APPLY, UPDATE, Entry, Managers
from footplate_local.apiserver.patching.merging import cut_at_atoms, merge, remove, with_named_fields
from footplate_local.apiserver.patching.shapes import MISSING, NoIdentity
from footplate_local.apiserver.patching.versions import KindOf, Versioned, blank, shape_of

JSON = dict[str, Any]

_NEVER_OWNED: FieldSet = frozenset({
    ("f:apiVersion",), ("f:kind",), ("f:metadata",),
    *(("f:metadata", f"f:{name}") for name in ("name", "namespace", "creationTimestamp", "selfLink", "uid",
                                               "clusterName", "generation", "managedFields", "resourceVersion")),
})  # fmt: skip
_SPEC, _STATUS, _METADATA = ("f:spec",), ("f:status",), ("f:metadata",)
_RESET_BY_STATUS: dict[str, FieldSet] = {
    "pods": frozenset({_SPEC, (*_METADATA, "f:deletionTimestamp"), (*_METADATA, "f:ownerReferences")}),
    "deployments.apps": frozenset({_SPEC, (*_METADATA, "f:labels")}),
    "customresourcedefinitions.apiextensions.k8s.io": frozenset({_SPEC, _METADATA}),
}
_ASSIGNED: dict[str, tuple[Path, ...]] = {
    "pods": tuple(("f:spec", f"f:{name}") for name in (
        "serviceAccountName", "serviceAccount", "preemptionPolicy", "priority", "tolerations", "volumes")),
    "namespaces": (("f:spec", "f:finalizers"),),
    "services": tuple(("f:spec", f"f:{name}") for name in (
        "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort")),
    "jobs.batch": (("f:spec", "f:selector"), ("f:spec", "f:template", "f:metadata", "f:labels")),
    "customresourcedefinitions.apiextensions.k8s.io": (("f:metadata", "f:finalizers"),),
}  # fmt: skip
"""What the server itself gives a new object (PrepareForCreate, admission): when the client did not, nobody owns it."""
_BEFORE_APPLY = "before-first-apply"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, through which kind (its version is the version that the manager owns fields in) and subresource."""

    manager: str
    kind: ResourceType
    kind_of: KindOf
    time: str
    subresource: str = ""

    def entry(self, operation: str, fields: FieldSet = NOTHING) -> Entry:
        return Entry(self.manager, operation, self.kind.api_version, self.subresource, self.time, fields)

    def reset_fields(self) -> FieldSet:
        """What a write through here leaves as it was, whatever it says (GetResetFields of the kind's strategy)."""
        if "status" not in self.kind.subresources:
            return NOTHING
        if self.subresource == "status":
            return _RESET_BY_STATUS.get(self.kind.resource, frozenset({_SPEC}))
        return frozenset({_STATUS}) if not self.subresource else NOTHING


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that an apply would change although another manager owns it."""

    owner: Entry
    path: Path


class Conflicts(Exception):
    """An apply that is not forced changes fields of others."""

    def __init__(self, found: list[Conflict]) -> None:
        super().__init__(f"{len(found)} conflicts")
        self.found = found


Differences = Callable[[str], Comparison | None]
"""What differs between two objects, as a version (apiVersion) shows it; None when that version is not served."""


def assigned(kind: ResourceType, sent: JSON) -> FieldSet:
    """What of a new object the server is going to set, because the object that was sent leaves it open."""
    return frozenset(path for path in _ASSIGNED.get(kind.resource, ()) if not _is_set(sent, path))


def _is_set(obj: Any, path: Path) -> bool:
    for element in path:
        obj = obj.get(element[2:]) if isinstance(obj, dict) else None
    return obj is not None


def record_update(
    old: JSON | None, new: JSON, writer: Writer, asked: Any = MISSING, unowned: FieldSet = NOTHING
) -> None:
    """Set managedFields of `new` for a write that is no apply: what it changes is the writer's.

    Both objects are as they are stored, of custom kinds as the writer's version shows them; `old` is None on creation.
    `asked` are the managedFields of the object sent: those of an object, but not of a subresource, replace the stored
    ones when they make sense. `unowned`: paths that the writer gets nothing of, though they are new.
    """
    meta = new["metadata"]
    live_meta: JSON = old["metadata"] if old is not None else {}
    try:
        managers = managed_fields.to_begin_with(live_meta, MISSING if writer.subresource else asked)
        if managers or old is None:
            managers = _after_update(_versioned(old, writer), _versioned(new, writer), managers, writer, unowned)
    except (ValueError, NoIdentity):  # what is stored is broken: without owners the next apply starts afresh
        managers = {}
    managed_fields.write(meta, managers)


def _versioned(obj: JSON | None, writer: Writer) -> Versioned:
    kind = writer.kind
    if obj is None:
        obj = blank(kind)
    elif not kind.custom:
        obj = kind.shown(obj)
    return Versioned(_unmanaged(obj), kind, writer.kind_of)


def _unmanaged(obj: JSON) -> JSON:
    """The object without its managedFields, of which no one compares anything."""
    meta = obj.get("metadata")
    if not isinstance(meta, dict) or "managedFields" not in meta:
        return obj
    return {**obj, "metadata": {name: value for name, value in meta.items() if name != "managedFields"}}


def _after_update(
    live: Versioned, new: Versioned, managers: Managers, writer: Writer, unowned: FieldSet = NOTHING
) -> Managers:
    differences = _differences(live, new, writer)
    own = differences(writer.kind.api_version)
    assert own is not None, "the writer's own version is served"
    managers = _settled(_fitted(managers, live, writer.kind), differences, force=True)
    fields = without_below(own.added | own.modified, writer.reset_fields() | unowned) - _NEVER_OWNED
    if fields:
        entry = writer.entry(UPDATE)
        before = managers.get(entry.identity)
        managers[entry.identity] = replace(entry, fields=fields | (before.fields if before else NOTHING))
    return managed_fields.capped(managers)


def _differences(live: Versioned, new: Versioned, writer: Writer) -> Differences:
    found: dict[str, Comparison | None] = {}

    def at(api_version: str) -> Comparison | None:
        if api_version not in found:
            before, after = live.at(api_version), new.at(api_version)
            comparison = compare(before.obj, after.obj, after.shape) if before and after else None
            if comparison is not None and api_version == writer.kind.api_version:
                comparison = comparison.without(writer.reset_fields())
            found[api_version] = comparison
        return found[api_version]

    return at


def _settled(managers: Managers, differences: Differences, *, force: bool, own: str = "") -> Managers:
    """The managers without what is gone and what another one has changed now. Raises Conflicts.

    `own` is the identity of the one who applies: its fields are settled already.
    """
    conflicts, kept = [], {}
    for identity, entry in sorted(managers.items()):
        difference = differences(entry.api_version)
        if identity == own:
            fields = entry.fields
        elif difference is None:
            continue
        else:
            contested = entry.fields & (difference.modified | difference.added)
            conflicts += [Conflict(entry, path) for path in sorted(contested, key=path_order)]
            fields = entry.fields - contested - difference.removed
        if fields:
            kept[identity] = replace(entry, fields=fields) if fields != entry.fields else entry
    if conflicts and not force:
        raise Conflicts(conflicts)
    return kept


def _fitted(managers: Managers, live: Versioned, kind: ResourceType) -> Managers:
    """The managers' fields in terms of the schema as it is now; those of versions that are gone are left out."""
    if not kind.custom:
        return dict(managers)  # their schemas never change
    fitted: Managers = {}
    for identity, entry in managers.items():
        seen = live.at(entry.api_version)
        if seen is not None:
            fields = cut_at_atoms(entry.fields, seen.shape)
            fitted[identity] = entry if fields == entry.fields else replace(entry, fields=fields)
    return fitted


# ---------------------------------------------------------------------- apply


def apply(live: JSON | None, applied: JSON, writer: Writer, *, force: bool) -> JSON:
    """The object, with managedFields, after a server-side apply; `live` is None when there is none yet.

    Both are in the writer's version; neither is changed, and the result shares parts with them. Raises Conflicts,
    and ValueError (NoIdentity) when managedFields or lists of the live object make no sense.
    """
    managers = managed_fields.of(live["metadata"]) if live is not None else {}
    versioned = Versioned(_unmanaged(blank(writer.kind) if live is None else live), writer.kind, writer.kind_of)
    if not managers and live is not None:
        managers = _before_apply(versioned, writer)
    managers = _fitted(managers, versioned, writer.kind)
    entry = writer.entry(APPLY, without_below(fields_of(applied, shape_of(writer.kind)), writer.reset_fields()))
    last = managers.get(entry.identity)
    managers[entry.identity] = entry
    merged = merge(versioned.own.obj, applied, versioned.own.shape)
    new = _pruned(versioned.replaced(merged, writer.kind.api_version), managers, last)
    changed = live is None or not same(versioned.own.obj, new.own.obj)
    managers = _settled(managers, _differences(versioned, new, writer), force=force, own=entry.identity)
    if fields := entry.fields - _NEVER_OWNED:
        # like kube-apiserver: who only agrees with what is there gets no new time
        time = writer.time if changed else last.time if last else ""
        managers[entry.identity] = replace(entry, fields=fields, time=time)
    else:
        managers.pop(entry.identity, None)
    result = {**new.own.obj, "metadata": dict(new.own.obj.get("metadata") or {})}
    managed_fields.write(result["metadata"], managers)
    return result


def _before_apply(live: Versioned, writer: Writer) -> Managers:
    """The owner of all that is there when an object without managedFields is applied to for the first time."""
    nobody = replace(writer, manager=_BEFORE_APPLY)
    nothing = Versioned(blank(writer.kind), writer.kind, writer.kind_of)
    return _after_update(nothing, live, {}, nobody)


def _pruned(merged: Versioned, managers: Managers, last: Entry | None) -> Versioned:
    """The merged object without what its applier applied last time, does not apply now, and nobody else owns."""
    seen = merged.at(last.api_version) if last else None
    if last is None or not last.fields or seen is None:
        return merged
    dropped = with_named_fields(last.fields, seen.shape)
    pruned = merged.replaced(remove(seen.obj, dropped, seen.shape), last.api_version)
    pruned = _with_owned_back(merged, pruned, managers, last.api_version)
    left = pruned.at(last.api_version)
    if left is None:
        return merged
    before, after = (with_named_fields(fields_of(each.obj, seen.shape), seen.shape) for each in (seen, left))
    # what the applier did not have itself (nobody's, or a neighbour's in a list) stays
    result = merged.replaced(remove(seen.obj, (before - after) & dropped, seen.shape), last.api_version)
    own = result.at(merged.api_version)
    return merged.replaced(own.obj, merged.api_version) if own else merged


def _with_owned_back(merged: Versioned, pruned: Versioned, managers: Managers, first: str) -> Versioned:
    """The pruned object with everything in it again that a manager owns."""
    owned: dict[str, FieldSet] = {}
    for entry in managers.values():
        owned[entry.api_version] = owned.get(entry.api_version, NOTHING) | entry.fields
    for api_version in sorted(owned, key=lambda each: each != first):
        whole, left = merged.at(api_version), pruned.at(api_version)
        if whole is None or left is None:
            continue
        all_fields, kept, managed = (
            with_named_fields(fields, whole.shape)
            for fields in (fields_of(whole.obj, whole.shape), fields_of(left.obj, whole.shape), owned[api_version])
        )
        obj = remove(whole.obj, all_fields - (kept | managed), whole.shape)
        pruned = pruned.replaced(obj, api_version)
    return pruned
