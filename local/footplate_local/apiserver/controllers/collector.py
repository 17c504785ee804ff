"""What follows from a write a moment later: dependents of deleted owners go, terminating namespaces are emptied.

On a cluster these are controllers of the controller manager; here they are one task that is told of every write and,
once at the start, of every object, so a killed server finishes what it began.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from footplate_local.apiserver.controllers.containers import Containers
from footplate_local.apiserver.controllers.owners import GarbageCollector
from footplate_local.apiserver.errors import StatusError
from footplate_local.apiserver.kinds.definitions import CLEANUP_FINALIZER
from footplate_local.apiserver.kinds.definitions import RESOURCE as DEFINITIONS
from footplate_local.apiserver.objects.metadata import FOREGROUND, ORPHAN
from footplate_local.apiserver.objects.objects import Objects
from footplate_local.apiserver.storage.model import Change, ObjectKey, Stored

_LOG = logging.getLogger(__name__)
Step = Callable[[ObjectKey], bool | None]
"""Something to do about an object; true when there is more of it to do."""


class Collector:
    """Decides from a write what is to be done, and does one thing after the other."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._garbage = GarbageCollector(objects)
        self._containers = Containers(objects)
        self._queue: dict[tuple[Step, ObjectKey], None] = {}
        self._wake = asyncio.Event()
        for stored in objects.storage.everything():
            self._garbage.add(stored)
        for stored in objects.storage.everything():
            self._look_at(stored)
        self._leave = objects.storage.subscribe(self._on_change)

    async def run(self) -> None:
        """Work until cancelled. Other requests are served between any two steps."""
        try:
            while True:
                while self._queue:
                    step, key = next(iter(self._queue))
                    del self._queue[step, key]
                    self._do(step, key)
                    await asyncio.sleep(0)
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._leave()

    def _do(self, step: Step, key: ObjectKey) -> None:
        try:
            if step(key):
                self._later(step, key)
        except StatusError as error:
            if error.code not in (404, 409):  # gone or changed meanwhile: that change has its own step
                _LOG.error("cleaning up: %s", error.message)

    def _later(self, step: Step, key: ObjectKey) -> None:
        """Queue a step, unless it waits there already."""
        self._queue[step, key] = None
        self._wake.set()

    def _on_change(self, change: Change) -> None:
        stored, previous = change.stored, change.previous
        if previous is not None:
            self._garbage.remove(previous)
        if change.type == "DELETED":
            self._on_deleted(stored)
            return
        self._garbage.add(stored)
        if previous is not None and _references(previous) != _references(stored):
            for owner in self._garbage.owners_of(previous):
                self._recheck(owner)
        self._look_at(stored)

    def _on_deleted(self, stored: Stored) -> None:
        for dependent in self._garbage.dependents_of(stored.object["metadata"]["uid"]):
            self._later(self._garbage.follow_owners, dependent)
        for owner in self._garbage.owners_of(stored):
            self._recheck(owner)
        if stored.key.namespace:
            namespace = ObjectKey("namespaces", "", stored.key.namespace)
            self._recheck(namespace)
            if (stored.key.resource, stored.key.name) == ("serviceaccounts", "default"):
                self._later(self._containers.give_account, namespace)
        kind = self._objects.registry.of_resource(stored.key.resource)
        if kind is not None and kind.custom:
            self._recheck(ObjectKey(DEFINITIONS, "", stored.key.resource))

    def _recheck(self, key: ObjectKey) -> None:
        stored = self._objects.storage.get(key)
        if stored is not None and "deletionTimestamp" in stored.object["metadata"]:
            self._look_at(stored)

    def _look_at(self, stored: Stored) -> None:
        """Queue what a living object asks for."""
        meta, key = stored.object["metadata"], stored.key
        if meta.get("ownerReferences"):
            self._later(self._garbage.follow_owners, key)
        if "deletionTimestamp" not in meta:
            return
        finalizers = meta.get("finalizers", ())
        if key.resource == "namespaces":
            self._later(self._containers.empty_namespace, key)
        if CLEANUP_FINALIZER in finalizers and key.resource == DEFINITIONS:
            self._later(self._containers.empty_definition, key)
        if ORPHAN in finalizers:
            self._later(self._garbage.orphan_dependents, key)
        if FOREGROUND in finalizers:
            self._later(self._garbage.delete_dependents_first, key)


def _references(stored: Stored) -> object:
    return stored.object["metadata"].get("ownerReferences")
