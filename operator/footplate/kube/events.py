"""Events for `kubectl describe` (Kubernetes: Event v1 core)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from footplate.engine.clock import Clock
from footplate.errors import AlreadyExists, FootplateError
from footplate.kube.client import KubeClient
from footplate.kube.resources import EVENTS

log = logging.getLogger(__name__)
MESSAGE_BYTES = 1024
NAME_CHARACTERS = 200  # of the object's name in the event's, which may have 253


class Recorder:
    """Tells the reader of an object what happened to it. An event that cannot be written is logged, no more."""

    def __init__(self, client: KubeClient, component: str = "footplate", *, clock: Clock) -> None:
        self._client = client
        self._component = component
        self._clock = clock

    async def warning(self, regarding: Mapping[str, Any], reason: str, message: str) -> None:
        """Record it for an object (its body, as the API server gave it). The same again only counts up."""
        event = self._event(regarding, reason, message)
        try:
            try:
                await self._client.create(EVENTS, event)
            except AlreadyExists:
                await self._count_up(event)
        except FootplateError as error:
            log.warning("The event %s (%s) was not recorded: %s", reason, message, error)

    def _event(self, regarding: Mapping[str, Any], reason: str, message: str) -> dict[str, Any]:
        metadata = regarding["metadata"]
        now = _rfc3339(self._clock.now())
        cut = _cut(message)
        # The same words about the same object are the same event, without remembering any of them.
        digest = hashlib.sha256("\0".join((metadata["uid"], reason, cut)).encode()).hexdigest()[:16]
        namespace = metadata.get("namespace")
        involved = {
            "apiVersion": regarding["apiVersion"],
            "kind": regarding["kind"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
        if namespace:
            involved["namespace"] = namespace
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {
                "name": f"{metadata['name'][:NAME_CHARACTERS]}.{digest}",
                # Events of cluster-scoped objects live there (Kubernetes: tools/record).
                "namespace": namespace or "default",
            },
            "involvedObject": involved,
            "type": "Warning",
            "reason": reason,
            "message": cut,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": "",
        }

    async def _count_up(self, event: Mapping[str, Any]) -> None:
        name, namespace = event["metadata"]["name"], event["metadata"]["namespace"]
        existing = await self._client.get(EVENTS, name, namespace)
        if existing is None:
            return  # it expired between the two calls; the next one will be new
        again = {
            # Who has counted meanwhile has said the same; a call that comes late must not count down again.
            "metadata": {"resourceVersion": existing["metadata"]["resourceVersion"]},
            "count": int(existing.get("count") or 1) + 1,
            "lastTimestamp": event["lastTimestamp"],
        }
        await self._client.patch(EVENTS, name, namespace, again)


def _cut(message: str) -> str:
    """At most 1024 bytes of UTF-8, ending in an ellipsis when something is missing."""
    encoded = message.encode()
    if len(encoded) <= MESSAGE_BYTES:
        return message
    return encoded[: MESSAGE_BYTES - 3].decode(errors="ignore") + "…"


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
