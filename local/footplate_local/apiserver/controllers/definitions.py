"""Serves the kinds of CustomResourceDefinitions, and writes their status.

A definition is looked at right after the write that changed it, before the server reads the next request: who creates
one sees the conditions come in a watch, as on a cluster, and can use the kind with the next request.
"""

from __future__ import annotations

import asyncio
from typing import Any

from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.kinds import definition_status
from footplate_local.apiserver.kinds.definitions import RESOURCE, kinds_of
from footplate_local.apiserver.objects import metadata
from footplate_local.apiserver.objects.objects import Objects, Writing
from footplate_local.apiserver.storage.model import Change, Stored

JSON = dict[str, Any]
_MANAGER = "kube-apiserver"


class Definitions:
    """Made on the running event loop; serves at once what is stored."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._loop = asyncio.get_running_loop()
        for stored in objects.storage.listing(RESOURCE):
            self._serve(stored)
        for stored in objects.storage.listing(RESOURCE):
            self._settle(stored.object["spec"]["group"])
        objects.storage.subscribe(self._changed)

    def _changed(self, change: Change) -> None:
        if change.stored.key.resource != RESOURCE:
            return
        if change.type == "DELETED":
            self._objects.registry.set_custom(change.stored.key.name, [])
        else:
            self._serve(change.stored)
        self._loop.call_soon(self._settle, change.stored.object["spec"]["group"])

    def _serve(self, stored: Stored) -> None:
        self._objects.registry.set_custom(stored.key.name, kinds_of(stored.object))

    def _settle(self, group: str) -> None:
        """Write the next status of the definitions of a group; each write leads here again."""
        now = metadata.timestamp(self._objects.now())
        for stored in self._objects.storage.listing(RESOURCE):
            if stored.object["spec"]["group"] != group or self._objects.storage.get(stored.key) is not stored:
                continue
            rivals = self._objects.storage.listing(RESOURCE)
            others = [
                item.object for item in rivals if item.key != stored.key and item.object["spec"]["group"] == group
            ]
            status = definition_status.next_status(stored.object, others, now)
            if status is not None:
                self._write(stored, status)

    def _write(self, stored: Stored, status: JSON) -> None:
        kind = self._objects.registry.of_resource(RESOURCE)
        assert kind is not None, "definitions are built in"

        def change(obj: JSON) -> JSON:
            return {**obj, "status": copied(status)}

        self._objects.update(kind, "", stored.key.name, change, Writing(manager=_MANAGER), subresource="status")
