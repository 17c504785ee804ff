"""Leadership by a Lease (Kubernetes: coordination.k8s.io/v1; the rules are those of client-go's leaderelection).

Nobody compares clocks of two machines: a candidate takes a Lease over when it has not seen it change for
`duration` seconds of its own time, and a holder stops leading when its last successful renewal *began*
`renew` seconds ago. As renew < duration, the holder has stopped before anybody else can start. Optimistic
locking by resourceVersion lets only one of several candidates win. What the holder writes elsewhere is kept within
these times by the fence, which is opened with each renewal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, inf
from typing import Any, Protocol

from footplate.engine.clock import Clock
from footplate.errors import AlreadyExists, Conflict, FootplateError
from footplate.kube.fence import Fence
from footplate.kube.resources import LEASES, Resource

log = logging.getLogger(__name__)

Json = dict[str, Any]


class LeaseApi(Protocol):
    """What of KubeClient is used."""

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Json | None: ...

    async def create(self, resource: Resource, body: Json, namespace: str | None = None) -> Json: ...

    async def update(self, resource: Resource, body: Json) -> Json: ...


class Alarm(Protocol):
    """What ends a holder that could not: HardStop."""

    def within(self, seconds: float) -> None: ...

    def disarm(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of a lease, as client-go's are 15, 10 and 2 by default."""

    duration: float = 15
    renew: float = 10
    retry: float = 2

    def __post_init__(self) -> None:
        if not 0 < self.retry < self.renew < self.duration:
            given = f"{self.retry}, {self.renew}, {self.duration}"
            raise ValueError(f"a lease needs 0 < retry < renew < duration, not {given}")

    @property
    def last(self) -> float:
        """When a holder that has not renewed is ended by force: in the middle of the time in which nobody leads."""
        return (self.renew + self.duration) / 2


@dataclass(frozen=True, slots=True)
class _Seen:
    """A state of the Lease and when, in our time, it expires if we see no other."""

    resource_version: str
    expires: float


class LeaderLease:
    """One candidate. acquire, then hold until it returns, then release."""

    def __init__(
        self,
        client: LeaseApi,
        name: str,
        namespace: str,
        identity: str,
        clock: Clock,
        times: Times = Times(),
        fence: Fence | None = None,
        alarm: Alarm | None = None,
    ) -> None:
        """`identity` must be unique among the candidates, also over restarts of one that was not ended properly.

        `fence` is open while we hold the lease, and `alarm` is put off with each renewal.
        """
        self._client = client
        self._name = name
        self._namespace = namespace
        self._identity = identity
        self._clock = clock
        self._times = times
        self._fence = fence
        self._alarm = alarm
        self._held: Json | None = None  # as we last wrote it; None when we do not lead
        self._renewed = 0.0  # when the request that wrote it was begun
        self._seen: _Seen | None = None

    @property
    def leading(self) -> bool:
        return self._held is not None and self._clock.monotonic() - self._renewed < self._times.renew

    async def acquire(self) -> None:
        """Wait until we lead."""
        log.info("Waiting to lead as %s", self._identity)
        # A call that was retried for long may win a lease that is as good as expired.
        while not (await self._attempt(self._take()) and self.leading):
            await self._clock.sleep(min(self._times.retry, self._until_free()))
        log.info("Leading as %s by the lease %s/%s", self._identity, self._namespace, self._name)

    async def hold(self) -> None:
        """Renew until leadership is lost, then return: work that needs it must stop at once."""
        while self.leading:
            await self._clock.sleep(min(self._times.retry, self._left()))
            if not await self._within(self._left(), self._attempt(self._extend())) and self._held is None:
                break
        if self._held is not None:
            self._lost()
        log.warning("%s does not lead any more", self._identity)

    async def release(self) -> None:
        """Let another candidate lead at once. Does nothing when we do not lead. Nothing of ours may be under way."""
        if self._held is None:
            return
        held = self._held
        self._lost()
        try:
            await self._write(held, {"holderIdentity": ""})
        except FootplateError as error:
            log.warning("The lease was not released and will expire: %s", error)
        else:
            log.info("The lease %s/%s is given back", self._namespace, self._name)
        if self._alarm is not None:
            self._alarm.disarm()

    def _left(self) -> float:
        return max(0.0, self._renewed + self._times.renew - self._clock.monotonic())

    async def _attempt(self, step: Coroutine[Any, Any, bool]) -> bool:
        try:
            return await step
        except FootplateError as error:
            log.info("The lease %s/%s: %s", self._namespace, self._name, error)
            return False

    async def _within(self, seconds: float, step: Coroutine[Any, Any, bool]) -> bool:
        """False when it has not ended by then; it is cancelled."""
        task = asyncio.ensure_future(step)
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait([task, timer], return_when=asyncio.FIRST_COMPLETED)
            return task.done() and task.result()
        finally:
            task.cancel()
            timer.cancel()
            await asyncio.gather(task, timer, return_exceptions=True)

    async def _take(self) -> bool:
        """Become the holder if there is none, or if the one there is has not renewed for too long."""
        lease = await self._client.get(LEASES, self._name, self._namespace)
        begun = self._clock.monotonic()
        if lease is None:
            body = {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "metadata": {"name": self._name, "namespace": self._namespace},
                "spec": self._spec({}),
            }
            try:
                return self._won(await self._client.create(LEASES, body), begun)
            except AlreadyExists:
                return False
        if not self._is_free(lease):
            return False
        try:
            taken = {**lease, "spec": self._spec(lease.get("spec") or {})}
            return self._won(await self._client.update(LEASES, taken), begun)
        except Conflict:
            return False

    async def _extend(self) -> bool:
        """Renew what we hold; when somebody else does meanwhile, we have lost."""
        if self._held is None:
            return False
        begun = self._clock.monotonic()
        written = await self._write(self._held, {})
        if written is None:
            self._lost()
            return False
        return self._won(written, begun)

    async def _write(self, held: Json, changes: Json) -> Json | None:
        """Write the Lease that we hold; None when somebody else holds it by now."""
        changes = {**changes, "renewTime": _micro_time(self._clock.now())}
        try:
            return await self._client.update(LEASES, {**held, "spec": {**held["spec"], **changes}})
        except Conflict:
            fresh = await self._client.get(LEASES, self._name, self._namespace)
        if fresh is None or (fresh.get("spec") or {}).get("holderIdentity") != self._identity:
            return None
        # An earlier write of ours was carried out and its answer lost.
        return await self._client.update(LEASES, {**fresh, "spec": {**fresh["spec"], **changes}})

    def _won(self, lease: Json, begun: float) -> bool:
        self._held, self._renewed = lease, begun
        if self._fence is not None:
            self._fence.open_until(begun + self._times.renew)
        if self._alarm is not None and self.leading:
            self._alarm.within(begun + self._times.last - self._clock.monotonic())
        return True

    def _lost(self) -> None:
        self._held = None
        if self._fence is not None:
            self._fence.open_until(-inf)

    def _is_free(self, lease: Json) -> bool:
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity")
        if not holder or holder == self._identity:
            return True
        now = self._clock.monotonic()
        version = lease["metadata"]["resourceVersion"]
        # The holder's own duration counts: it may have been started with another one than we.
        duration = spec.get("leaseDurationSeconds") or self._times.duration
        if self._seen is None or self._seen.resource_version != version:
            self._seen = _Seen(version, now + duration)
        return now >= self._seen.expires

    def _until_free(self) -> float:
        """How long the lease that we have seen last may still be valid."""
        left = 0.0 if self._seen is None else self._seen.expires - self._clock.monotonic()
        return left if left > 0 else self._times.retry

    def _spec(self, before: Json) -> Json:
        now = _micro_time(self._clock.now())
        changes = before.get("leaseTransitions") or 0
        return {
            **before,
            "holderIdentity": self._identity,
            "leaseDurationSeconds": ceil(self._times.duration),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": changes + 1 if before else 0,
        }


def _micro_time(time: datetime) -> str:
    """Kubernetes: MicroTime."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
