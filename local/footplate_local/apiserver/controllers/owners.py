"""The garbage collector: dependents follow their owners, in the background, before them, or not at all.

Sources: Kubernetes documentation "Garbage Collection"; kubernetes pkg/controller/garbagecollector.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from footplate_local.apiserver.objects.deletion import Deletion
from footplate_local.apiserver.objects.metadata import FOREGROUND, ORPHAN
from footplate_local.apiserver.objects.objects import Objects
from footplate_local.apiserver.storage.model import ObjectKey, Stored

JSON = dict[str, Any]
MANAGER = "footplate-garbage-collector"


@dataclass(slots=True)
class _Owners:
    """The ownerReferences of an object by what is true of the owner."""

    solid: list[JSON] = field(default_factory=list)
    waiting: list[JSON] = field(default_factory=list)
    """It is deleted in the foreground: its dependents go first."""
    unclear: bool = False
    """A reference cannot be followed: then nothing is done about the object."""


class GarbageCollector:
    """Knows who depends on whom. Methods that act raise StatusError when an object changes meanwhile."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._keys: dict[str, ObjectKey] = {}
        self._dependents: dict[str, set[ObjectKey]] = defaultdict(set)

    # ------------------------------------------------------------------ index

    def add(self, stored: Stored) -> None:
        meta = stored.object["metadata"]
        self._keys[meta["uid"]] = stored.key
        for reference in meta.get("ownerReferences", ()):
            self._dependents[reference["uid"]].add(stored.key)

    def remove(self, stored: Stored) -> None:
        meta = stored.object["metadata"]
        self._keys.pop(meta["uid"], None)
        for reference in meta.get("ownerReferences", ()):
            kept = self._dependents[reference["uid"]]
            kept.discard(stored.key)
            if not kept:
                del self._dependents[reference["uid"]]

    def owners_of(self, stored: Stored) -> list[ObjectKey]:
        """Where the owners of an object are, as far as they are there."""
        references = stored.object["metadata"].get("ownerReferences", ())
        found = (self._keys.get(reference["uid"]) for reference in references)
        return [key for key in found if key is not None]

    def dependents_of(self, uid: str) -> list[ObjectKey]:
        return list(self._dependents.get(uid, ()))

    # ------------------------------------------------------------------ acts

    def follow_owners(self, key: ObjectKey) -> None:
        """Delete an object that nobody holds any more; drop references to owners that are gone or going."""
        stored = self._objects.storage.get(key)
        if stored is None:
            return
        meta = stored.object["metadata"]
        references, finalizers = meta.get("ownerReferences", []), meta.get("finalizers", ())
        if "deletionTimestamp" in meta:
            if FOREGROUND in finalizers:
                self.delete_dependents_first(key)
            return
        owners = self._classified(key, references)
        if not references or owners.unclear:
            return
        if owners.solid:
            if len(owners.solid) < len(references):
                self._set(key, "ownerReferences", owners.solid)
            return
        propagation = "Orphan" if ORPHAN in finalizers else "Foreground" if FOREGROUND in finalizers else "Background"
        if owners.waiting and self.dependents_of(meta["uid"]):
            self._unblock_circle(key, meta, owners.waiting)
            propagation = "Foreground"
        self._delete(key, Deletion(propagation=propagation, uid=meta["uid"]))

    def _classified(self, key: ObjectKey, references: list[JSON]) -> _Owners:
        """An owner is looked for in the dependent's own namespace; another uid is another object."""
        found = _Owners()
        for reference in references:
            kind = self._objects.registry.of_kind(reference["apiVersion"], reference["kind"])
            if kind is None or (kind.namespaced and not key.namespace):
                found.unclear = True
                continue
            owner = self._objects.storage.get(kind.key(key.namespace, reference["name"]))
            meta = owner.object["metadata"] if owner is not None else {}
            if meta.get("uid") != reference["uid"]:
                continue
            goes_last = "deletionTimestamp" in meta and FOREGROUND in meta.get("finalizers", ())
            (found.waiting if goes_last else found.solid).append(reference)
        return found

    def _unblock_circle(self, key: ObjectKey, meta: JSON, waiting: list[JSON]) -> None:
        """When a dependent waits for its own dependents, too, they may wait for each other: block nobody."""
        dependents = (self._objects.storage.get(dependent) for dependent in self.dependents_of(meta["uid"]))
        if any(item is not None and FOREGROUND in item.object["metadata"].get("finalizers", ()) for item in dependents):
            kept = [
                {**reference, "blockOwnerDeletion": False} if reference in waiting else reference
                for reference in meta["ownerReferences"]
            ]
            self._set(key, "ownerReferences", kept)

    def delete_dependents_first(self, key: ObjectKey) -> None:
        """Go on with a deletion in the foreground: it ends when no dependent blocks it."""
        stored = self._objects.storage.get(key)
        if stored is None:
            return
        uid, blocked = stored.object["metadata"]["uid"], False
        for dependent in self.dependents_of(uid):
            found = self._objects.storage.get(dependent)
            if found is not None and "deletionTimestamp" not in found.object["metadata"]:
                self.follow_owners(dependent)
        for dependent in self.dependents_of(uid):
            found = self._objects.storage.get(dependent)
            references = found.object["metadata"].get("ownerReferences", ()) if found is not None else ()
            blocked |= any(item["uid"] == uid and bool(item.get("blockOwnerDeletion")) for item in references)
        if not blocked:
            self._drop_finalizer(key, FOREGROUND)

    def orphan_dependents(self, key: ObjectKey) -> None:
        """Take an owner that goes away alone out of the references of its dependents."""
        stored = self._objects.storage.get(key)
        if stored is None:
            return
        uid = stored.object["metadata"]["uid"]
        for dependent in self.dependents_of(uid):
            found = self._objects.storage.get(dependent)
            if found is not None:
                references = found.object["metadata"].get("ownerReferences", [])
                self._set(dependent, "ownerReferences", [item for item in references if item["uid"] != uid])
        self._drop_finalizer(key, ORPHAN)

    # ------------------------------------------------------------------ writes

    def _delete(self, key: ObjectKey, deletion: Deletion) -> None:
        kind = self._objects.registry.of_resource(key.resource)
        if kind is not None:
            self._objects.delete(kind, key.namespace, key.name, deletion)

    def _set(self, key: ObjectKey, name: str, values: list[Any]) -> None:
        self._objects.set_metadata(key, name, values, manager=MANAGER)

    def _drop_finalizer(self, key: ObjectKey, finalizer: str) -> None:
        stored = self._objects.storage.get(key)
        if stored is not None:
            finalizers = stored.object["metadata"].get("finalizers", [])
            self._set(key, "finalizers", [item for item in finalizers if item != finalizer])
