"""Runs Deployments: the controllers of Deployments and ReplicaSets as one task that is told of every write.

What is to be done is planned in `deployments` and `replica_sets`; here objects are read and written.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from footplate_local.apiserver.controllers import deployments, replica_sets
from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.errors import StatusError
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.objects.deletion import Deletion
from footplate_local.apiserver.objects.metadata import timestamp
from footplate_local.apiserver.objects.objects import Objects, Writing
from footplate_local.apiserver.storage.model import Change, ObjectKey, Stored

_LOG = logging.getLogger(__name__)
JSON = dict[str, Any]
_DEPLOYMENTS, _SETS, _PODS = "deployments.apps", "replicasets.apps", "pods"
_AGAIN_SECONDS = 1.0
"""After which something that the server refused (a pod whose service account is missing) is tried again."""


class Workloads:
    """Made on the running event loop; knows at once of what is stored."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._queue: dict[ObjectKey, None] = {}
        self._wake = asyncio.Event()
        for resource in (_DEPLOYMENTS, _SETS):
            for stored in objects.storage.listing(resource):
                self._later(stored.key)
        self._leave = objects.storage.subscribe(self._on_change)

    async def run(self) -> None:
        """Work until cancelled. Other requests are served between any two steps."""
        try:
            while True:
                while self._queue:
                    key = next(iter(self._queue))
                    del self._queue[key]
                    self._do(key)
                    await asyncio.sleep(0)
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._leave()

    def _do(self, key: ObjectKey) -> None:
        stored = self._objects.storage.get(key)
        if stored is None:
            return
        try:
            if key.resource == _DEPLOYMENTS:
                self._roll(stored)
            else:
                self._scale(stored)
        except StatusError as error:
            if error.code not in (404, 409):  # gone or changed meanwhile: that change has its own step
                _LOG.warning("%s %s/%s: %s", key.resource, key.namespace, key.name, error.message)
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._later, key)

    def _later(self, key: ObjectKey) -> None:
        self._queue[key] = None
        self._wake.set()

    def _on_change(self, change: Change) -> None:
        """A pod counts for its ReplicaSet and, as it may be the last old one, for the Deployment."""
        key, place = change.stored.key, change.stored
        if key.resource == _PODS:
            key = _controller(place, "ReplicaSet", _SETS) or key
            found = self._objects.storage.get(key) if key.resource == _SETS else None
            if found is None:
                return
            place = found
        if key.resource == _SETS:
            self._later(key)
            key = _controller(place, "Deployment", _DEPLOYMENTS) or key
        if key.resource == _DEPLOYMENTS:
            self._later(key)

    # ------------------------------------------------------------------ acts

    def _roll(self, stored: Stored) -> None:
        deployment = stored.object
        if "deletionTimestamp" in deployment["metadata"]:
            return
        sets = self._owned(stored, _SETS)
        current = deployments.newest(deployment, [item.object for item in sets])
        old = [pod for item in sets if item.object is not current for pod in self._owned(item, _PODS)]
        running = [pod for pod in old if (pod.object.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]
        plan = deployments.plan(deployment, [item.object for item in sets], len(running))
        if plan.create is not None:
            self._objects.create(self._kind(_SETS), stored.key.namespace, plan.create, _writing())
        for name, size in plan.scale.items():
            self._update(ObjectKey(_SETS, stored.key.namespace, name), _sized(size))
        if current is not None:
            key = ObjectKey(_SETS, stored.key.namespace, current["metadata"]["name"])
            self._update(key, _revised(plan.revision))
        for name in plan.delete:
            self._objects.delete(self._kind(_SETS), stored.key.namespace, name, Deletion(propagation="Background"))
        self._update(stored.key, _revised(plan.revision))
        now, seen = timestamp(self._objects.now()), [item.object for item in self._owned(stored, _SETS)]
        self._update(stored.key, lambda obj: {**obj, "status": deployments.status(obj, seen, now)}, "status")

    def _scale(self, stored: Stored) -> None:
        replica_set, namespace = stored.object, stored.key.namespace
        pods = [item.object for item in self._owned(stored, _PODS)]
        scaling = replica_sets.scaling(replica_set, pods)
        for _ in range(scaling.create):
            self._objects.create(self._kind(_PODS), namespace, replica_sets.pod_of(replica_set), _writing())
        for name in scaling.delete:
            self._objects.delete(self._kind(_PODS), namespace, name, Deletion(propagation="Background"))
        now = [item.object for item in self._owned(stored, _PODS)]
        self._update(stored.key, lambda obj: {**obj, "status": replica_sets.status(obj, now)}, "status")

    # ------------------------------------------------------------------ objects

    def _owned(self, stored: Stored, resource: str) -> list[Stored]:
        uid = stored.object["metadata"]["uid"]
        listed = self._objects.storage.listing(resource, stored.key.namespace)
        return [
            item
            for item in listed
            if any(
                reference.get("controller") and reference["uid"] == uid
                for reference in item.object["metadata"].get("ownerReferences") or ()
            )
        ]

    def _update(self, key: ObjectKey, change: Any, subresource: str = "") -> None:
        kind = self._kind(key.resource)
        self._objects.update(kind, key.namespace, key.name, change, _writing(), subresource=subresource)

    def _kind(self, resource: str) -> ResourceType:
        kind = self._objects.registry.of_resource(resource)
        assert kind is not None, f"{resource} are built in"
        return kind


def _controller(stored: Stored, kind: str, resource: str) -> ObjectKey | None:
    for reference in stored.object["metadata"].get("ownerReferences") or ():
        if reference.get("controller") and reference["kind"] == kind:
            return ObjectKey(resource, stored.key.namespace, reference["name"])
    return None


def _writing() -> Writing:
    return Writing(manager="footplate-controller-manager")


def _sized(size: int) -> Any:
    def change(obj: JSON) -> JSON:
        return {**obj, "spec": {**obj["spec"], "replicas": size}}

    return change


def _revised(revision: str) -> Any:
    def change(obj: JSON) -> JSON:
        meta = copied(obj["metadata"])
        meta["annotations"] = {**(meta.get("annotations") or {}), deployments.REVISION: revision}
        return {**obj, "metadata": meta}

    return change
