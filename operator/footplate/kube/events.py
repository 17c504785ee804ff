"""Events for `kubectl describe` (Kubernetes: Event v1 core), written one after the other behind the work.

Telling never waits and never fails: what cannot be recorded is logged and counted, no more. One writer alone, so that
of the calls that wait for the operator's rate limit at most one is an event's.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from footplate.engine.clock import Clock
from footplate.errors import AlreadyExists, ApiError, FootplateError
from footplate.events import DROPPED, LIMITED, RECORDED, REFUSED, Event
from footplate.kube.client import KubeClient
from footplate.kube.resources import EVENTS

log = logging.getLogger(__name__)

MESSAGE_BYTES = 1024
NAME_CHARACTERS = 200  # of the object's name in the event's, which may have 253
WAITING = 2000  # events that may wait to be written
AT_ONCE = 25.0  # of one object (client-go: the spam filter of its recorder); then
SECONDS_EACH = 60.0
OBJECTS = 10_000  # whose events are counted
SAY_AGAIN_SECONDS = 60.0


class EventObserver(Protocol):
    """Hears what became of each event; the metrics are one."""

    def event_ended(self, outcome: str) -> None:
        """One of footplate.events.OUTCOMES."""
        ...


@dataclass(slots=True)
class _Allowance:
    """How many more events an object may have, and since when it is so."""

    left: float
    since: float


class Allowances:
    """For each object so many events at once, and then one a minute. Forgets who was heard of longest ago."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: OrderedDict[str, _Allowance] = OrderedDict()

    def take(self, uid: str) -> bool:
        """Whether the object may have another one now."""
        now = self._clock.monotonic()
        found = self._of.setdefault(uid, _Allowance(AT_ONCE, now))
        self._of.move_to_end(uid)
        if len(self._of) > OBJECTS:
            self._of.popitem(last=False)
        left = min(AT_ONCE, found.left + (now - found.since) / SECONDS_EACH)
        found.left, found.since = (left - 1 if left >= 1 else left), now
        return left >= 1


class Recorder:
    """Takes events with `tell` and writes them in `run`. Both belong to one event loop."""

    def __init__(
        self,
        client: KubeClient,
        observer: EventObserver | None = None,
        *,
        clock: Clock,
        component: str = "footplate",
        instance: str = "",
    ) -> None:
        """`instance` is who of several operators this is."""
        self._client = client
        self._observer = observer
        self._clock = clock
        self._component = component
        self._instance = instance
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(WAITING)
        self._allowances = Allowances(clock)
        self._said_dropped: float | None = None

    def tell(self, regarding: Mapping[str, Any], event: Event) -> None:
        """Have it recorded for an object (its body, as the API server gave it). The same again only counts up."""
        if not event.last and not self._allowances.take(regarding["metadata"]["uid"]):
            log.debug("Not recorded, as there are too many of its object: %s: %s", event.reason, event.message)
            self._ended(LIMITED)
            return
        try:
            self._queue.put_nowait(self._body(regarding, event))
        except asyncio.QueueFull:
            self._ended(DROPPED)
            self._say_dropped()

    async def run(self) -> None:
        """Write what is told until cancelled."""
        while True:
            body = await self._queue.get()
            try:
                await self._record(body)
            finally:
                self._queue.task_done()

    async def flush(self, seconds: float) -> None:
        """Wait until all is written, but no longer than so. `run` must be at work."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            log.warning("%d events are left unrecorded", self._queue.qsize() + 1)

    def _ended(self, outcome: str) -> None:
        if self._observer is not None:
            self._observer.event_ended(outcome)

    def _say_dropped(self) -> None:
        now = self._clock.monotonic()
        if self._said_dropped is None or now - self._said_dropped >= SAY_AGAIN_SECONDS:
            self._said_dropped = now
            log.warning("Events are left out: %d wait to be recorded already", WAITING)

    async def _record(self, body: dict[str, Any]) -> None:
        try:
            try:
                await self._client.create(EVENTS, body)
            except AlreadyExists:
                await self._count_up(body)
        except FootplateError as error:
            self._ended(REFUSED)
            # Nothing can be created any more where a namespace is going; its objects still end and are told of.
            level = logging.DEBUG if _namespace_is_going(error) else logging.WARNING
            log.log(level, "The event %s (%s) was not recorded: %s", body["reason"], body["message"], error)
        else:
            self._ended(RECORDED)

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

    def _body(self, regarding: Mapping[str, Any], event: Event) -> dict[str, Any]:
        metadata = regarding["metadata"]
        now = _rfc3339(self._clock.now())
        message = _cut(event.message)
        # The same words about the same object are the same event, without remembering any of them.
        digest = hashlib.sha256("\0".join((metadata["uid"], event.reason, message)).encode()).hexdigest()[:16]
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
            "type": "Warning" if event.warning else "Normal",
            "reason": event.reason,
            "action": event.action,
            "message": message,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
        }


def _namespace_is_going(error: FootplateError) -> bool:
    """Kubernetes: admission plugin NamespaceLifecycle, cause NamespaceTerminating."""
    causes = error.details.get("causes") or () if isinstance(error, ApiError) else ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def _cut(message: str) -> str:
    """At most 1024 bytes of UTF-8, ending in an ellipsis when something is missing."""
    encoded = message.encode()
    if len(encoded) <= MESSAGE_BYTES:
        return message
    return encoded[: MESSAGE_BYTES - 3].decode(errors="ignore") + "…"


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
