"""What follows from a write a moment later: dependents of deleted owners go, terminating namespaces are emptied.

Sources: Kubernetes documentation "Garbage Collection", "Namespaces"; pkg/controller/garbagecollector. On a cluster
these are controllers of the controller manager; here they are one task that is told of every write and, once at the
start, of every object, so a killed server finishes what it began.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from footplate_local.apiserver.errors import StatusError
from footplate_local.apiserver.kinds.definitions import CLEANUP_FINALIZER
from footplate_local.apiserver.kinds.definitions import RESOURCE as DEFINITIONS
from footplate_local.apiserver.objects import FOREGROUND, ORPHAN, Deletion, Objects
from footplate_local.apiserver.storage.model import Change, ObjectKey, Stored

JSON = dict[str, Any]
_LOG = logging.getLogger(__name__)
_BACKGROUND = Deletion(propagation="Background")


class Collector:
    """Garbage collector, namespace controller and cleanup of custom kinds in one."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._uids: dict[str, ObjectKey] = {}
        self._dependents: dict[str, set[ObjectKey]] = defaultdict(set)
        self._queue: deque[Callable[[], None]] = deque()
        self._wake = asyncio.Event()
        for stored in objects.storage.everything():
            self._index(stored)
        for stored in objects.storage.everything():
            self._look_at(stored)
        self._leave = objects.storage.subscribe(self._on_change)

    async def run(self) -> None:
        """Work until cancelled. Other requests are served between any two steps."""
        try:
            while True:
                while self._queue:
                    self._do(self._queue.popleft())
                    await asyncio.sleep(0)
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._leave()

    def _do(self, step: Callable[[], None]) -> None:
        try:
            step()
        except StatusError as error:
            if error.code not in (404, 409):  # gone or changed meanwhile: that change has its own step
                _LOG.error("cleaning up: %s", error.message)

    def _later(self, step: Callable[[], None]) -> None:
        self._queue.append(step)
        self._wake.set()

    def _on_change(self, change: Change) -> None:
        if change.previous is not None:
            self._forget(change.previous)
        if change.type == "DELETED":
            self._on_deleted(change.stored)
            return
        self._index(change.stored)
        self._look_at(change.stored)

    def _index(self, stored: Stored) -> None:
        meta = stored.object["metadata"]
        self._uids[meta["uid"]] = stored.key
        for reference in meta.get("ownerReferences", ()):
            self._dependents[reference["uid"]].add(stored.key)

    def _forget(self, stored: Stored) -> None:
        meta = stored.object["metadata"]
        self._uids.pop(meta["uid"], None)
        for reference in meta.get("ownerReferences", ()):
            kept = self._dependents[reference["uid"]]
            kept.discard(stored.key)
            if not kept:
                del self._dependents[reference["uid"]]

    def _on_deleted(self, stored: Stored) -> None:
        uid, meta = stored.object["metadata"]["uid"], stored.object["metadata"]
        if uid in self._dependents:
            self._later(lambda: self._owner_gone(uid))
        for reference in meta.get("ownerReferences", ()):
            owner = self._uids.get(reference["uid"])
            if owner is not None:
                self._recheck(owner)
        if stored.key.namespace:
            namespace = ObjectKey("namespaces", "", stored.key.namespace)
            self._recheck(namespace)
        kind = self._objects.registry.of_resource(stored.key.resource)
        if kind is not None and kind.custom:
            self._recheck(ObjectKey(DEFINITIONS, "", stored.key.resource))

    def _recheck(self, key: ObjectKey) -> None:
        stored = self._objects.storage.get(key)
        if stored is not None:
            self._look_at(stored)

    def _look_at(self, stored: Stored) -> None:
        """Queue what a living object asks for."""
        meta, key = stored.object["metadata"], stored.key
        if meta.get("ownerReferences"):
            self._later(lambda: self._check_owners(key))
        if "deletionTimestamp" not in meta:
            return
        finalizers = meta.get("finalizers", ())
        if key.resource == "namespaces":
            self._later(lambda: self._empty_namespace(key))
        if CLEANUP_FINALIZER in finalizers and key.resource == DEFINITIONS:
            self._later(lambda: self._empty_definition(key))
        if ORPHAN in finalizers:
            self._later(lambda: self._orphan_dependents(key))
        if FOREGROUND in finalizers:
            self._later(lambda: self._delete_dependents_first(key))

    # ------------------------------------------------------------------ owners

    def _owner_gone(self, uid: str) -> None:
        for key in list(self._dependents.get(uid, ())):
            self._check_owners(key)

    def _check_owners(self, key: ObjectKey) -> None:
        """Delete an object whose owners are all gone; drop references to owners that are gone."""
        stored = self._objects.storage.get(key)
        if stored is None:
            return
        references = stored.object["metadata"].get("ownerReferences", [])
        living = [reference for reference in references if self._lives(key, reference)]
        if not references or len(living) == len(references):
            return
        if not living:
            if "deletionTimestamp" not in stored.object["metadata"]:
                self._delete(key, _BACKGROUND)
            return
        self._set(key, "ownerReferences", living)

    def _lives(self, dependent: ObjectKey, reference: JSON) -> bool:
        owner = self._uids.get(reference["uid"])
        if owner is not None:
            return owner.namespace in ("", dependent.namespace)
        # An owner of a kind that is not served may live elsewhere: keep what it owns.
        return self._objects.registry.of_kind(reference["apiVersion"], reference["kind"]) is None

    def _orphan_dependents(self, key: ObjectKey) -> None:
        uid = self._uid(key)
        for dependent in list(self._dependents.get(uid, ())):
            stored = self._objects.storage.get(dependent)
            if stored is not None:
                references = stored.object["metadata"].get("ownerReferences", [])
                self._set(dependent, "ownerReferences", [item for item in references if item["uid"] != uid])
        self._drop_finalizer(key, ORPHAN)

    def _delete_dependents_first(self, key: ObjectKey) -> None:
        uid = self._uid(key)
        blocked = False
        for dependent in list(self._dependents.get(uid, ())):
            stored = self._objects.storage.get(dependent)
            if stored is None:
                continue
            references = stored.object["metadata"].get("ownerReferences", [])
            blocks = any(item["uid"] == uid and item.get("blockOwnerDeletion") for item in references)
            if all(item["uid"] == uid for item in references) and "deletionTimestamp" not in stored.object["metadata"]:
                self._delete(dependent, Deletion(propagation="Foreground"))
            blocked = blocked or (blocks and self._objects.storage.get(dependent) is not None)
        if not blocked:
            self._drop_finalizer(key, FOREGROUND)

    # ------------------------------------------------------------------ containers

    def _empty_namespace(self, key: ObjectKey) -> None:
        stored = self._objects.storage.get(key)
        if stored is None or "deletionTimestamp" not in stored.object["metadata"]:
            return
        left = False
        for kind in self._objects.registry.stored_types():
            if not kind.namespaced:
                continue
            for item in self._objects.storage.listing(kind.resource, key.name):
                if "deletionTimestamp" not in item.object["metadata"]:
                    self._delete(item.key, _BACKGROUND)
                left = left or self._objects.storage.get(item.key) is not None
        if not left and not stored.object["metadata"].get("finalizers"):
            self._objects.storage.delete(key)

    def _empty_definition(self, key: ObjectKey) -> None:
        if self._objects.storage.get(key) is None:
            return
        left = False
        for item in self._objects.storage.listing(key.name):
            if "deletionTimestamp" not in item.object["metadata"]:
                self._delete(item.key, _BACKGROUND)
            left = left or self._objects.storage.get(item.key) is not None
        if not left:
            self._drop_finalizer(key, CLEANUP_FINALIZER)

    # ------------------------------------------------------------------ writes

    def _uid(self, key: ObjectKey) -> str:
        stored = self._objects.storage.get(key)
        return str(stored.object["metadata"]["uid"]) if stored is not None else ""

    def _delete(self, key: ObjectKey, deletion: Deletion) -> None:
        kind = self._objects.registry.of_resource(key.resource)
        if kind is not None:
            self._objects.delete(kind, key.namespace, key.name, deletion)

    def _set(self, key: ObjectKey, field: str, values: list[Any]) -> None:
        self._objects.set_metadata(key, field, values, manager="footplate-garbage-collector")

    def _drop_finalizer(self, key: ObjectKey, finalizer: str) -> None:
        stored = self._objects.storage.get(key)
        if stored is not None:
            kept = [item for item in copy.copy(stored.object["metadata"].get("finalizers", [])) if item != finalizer]
            self._set(key, "finalizers", kept)
