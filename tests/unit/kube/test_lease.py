"""Leadership under a fake clock: an API server that fails, delays and loses answers never makes two leaders."""

from __future__ import annotations

import asyncio
import copy
from math import inf
from random import Random
from typing import Any

import pytest
from fake_clock import FakeClock, settle
from hypothesis import given, settings
from hypothesis import strategies as st

from footplate.errors import AlreadyExists, Conflict, Unavailable
from footplate.kube.fence import Fence, NotLeading
from footplate.kube.lease import LeaderLease, Times
from footplate.kube.resources import Resource

Json = dict[str, Any]


class LeaseServer:
    """One Lease with optimistic locking. `chaos` is the share of calls that fail, tarry, or lose their answer."""

    def __init__(self, clock: FakeClock, random: Random, chaos: float = 0.0) -> None:
        self._clock = clock
        self._random = random
        self.chaos = chaos
        self.away = False
        self.tarry = 0.0  # seconds between a write and its answer
        self.lease: Json | None = None
        self.writes = 0

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Json | None:
        await self._before()
        found = copy.deepcopy(self.lease)
        await self._after()
        return found

    async def create(self, resource: Resource, body: Json, namespace: str | None = None) -> Json:
        await self._before()
        if self.lease is not None:
            raise AlreadyExists("taken", status=409)
        return await self._write(body)

    async def update(self, resource: Resource, body: Json) -> Json:
        await self._before()
        version = body["metadata"]["resourceVersion"]
        if self.lease is None or self.lease["metadata"]["resourceVersion"] != version:
            raise Conflict("changed", status=409)
        return await self._write(body)

    async def _write(self, body: Json) -> Json:
        self.writes += 1
        written = copy.deepcopy(body)
        written["metadata"]["resourceVersion"] = str(self.writes)
        self.lease = written
        if self.tarry:
            await self._clock.sleep(self.tarry)
        else:
            await self._after()
        return copy.deepcopy(written)

    async def _before(self) -> None:
        await self._trouble("did not arrive")

    async def _after(self) -> None:
        await self._trouble("was carried out, but its answer is lost")

    async def _trouble(self, what: str) -> None:
        if self._random.random() < self.chaos:
            await self._clock.sleep(self._random.expovariate(1 / 5))
            if self._random.random() < 0.5:
                raise Unavailable(what)
        if self.away:
            raise Unavailable("away")


def candidate(server: LeaseServer, identity: str, clock: FakeClock) -> LeaderLease:
    return LeaderLease(server, "operator", "default", identity, clock)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock) -> LeaseServer:
    return LeaseServer(clock, Random(1))


async def test_the_lease_says_who_holds_it(server: LeaseServer, clock: FakeClock) -> None:
    await candidate(server, "me", clock).acquire()
    assert server.lease is not None
    assert server.lease["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-02T03:04:05.000000Z",
        "renewTime": "2026-01-02T03:04:05.000000Z",
        "leaseTransitions": 0,
    }


async def test_a_holder_that_died_is_followed_after_its_duration(server: LeaseServer, clock: FakeClock) -> None:
    await candidate(server, "dead", clock).acquire()
    heir = asyncio.ensure_future(candidate(server, "heir", clock).acquire())
    await clock.elapse(14)
    assert not heir.done()
    await clock.elapse(4)
    assert heir.done()
    assert server.lease is not None
    assert server.lease["spec"]["leaseTransitions"] == 1


@pytest.mark.parametrize("seen_after", [0.0, 0.7, 1.9])
async def test_a_heir_leads_as_soon_as_the_lease_expires(
    server: LeaseServer, clock: FakeClock, seen_after: float
) -> None:
    """Not at the next of its looks, which are two seconds apart."""
    await candidate(server, "dead", clock).acquire()
    await clock.elapse(seen_after)
    heir = asyncio.ensure_future(candidate(server, "heir", clock).acquire())
    await clock.elapse(14.9)
    assert not heir.done()
    await clock.elapse(0.2)
    assert heir.done()


class Alarm:
    """Notes when it would go off."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.at = inf

    def within(self, seconds: float) -> None:
        self.at = self._clock.monotonic() + seconds

    def disarm(self) -> None:
        self.at = inf


async def test_the_fence_is_open_and_the_alarm_put_off_as_long_as_the_lease_holds(
    server: LeaseServer, clock: FakeClock
) -> None:
    fence, alarm = Fence(clock), Alarm(clock)
    lease = LeaderLease(server, "operator", "default", "me", clock, fence=fence, alarm=alarm)
    with pytest.raises(NotLeading):
        fence.seconds_left()
    await lease.acquire()
    hold = asyncio.ensure_future(lease.hold())
    await clock.elapse(61)
    assert 8 <= fence.seconds_left() <= 10
    assert alarm.at - clock.monotonic() == pytest.approx(fence.seconds_left() + 2.5)
    server.away = True
    await clock.elapse(fence.seconds_left() - 0.01)
    assert fence.seconds_left() > 0
    await clock.elapse(0.02)
    with pytest.raises(NotLeading):
        fence.seconds_left()
    assert hold.done()
    assert alarm.at > clock.monotonic(), "what cannot end by itself still is to be ended"


async def test_who_loses_the_lease_to_another_writes_nothing_more(server: LeaseServer, clock: FakeClock) -> None:
    fence = Fence(clock)
    lease = LeaderLease(server, "operator", "default", "me", clock, fence=fence)
    await lease.acquire()
    hold = asyncio.ensure_future(lease.hold())
    await settle()
    assert server.lease is not None
    server.lease["spec"]["holderIdentity"] = "usurper"
    server.lease["metadata"]["resourceVersion"] = "77"
    await clock.elapse(2)
    assert hold.done()
    with pytest.raises(NotLeading):
        fence.seconds_left()


async def test_who_gives_the_lease_back_is_not_ended_by_force(server: LeaseServer, clock: FakeClock) -> None:
    fence, alarm = Fence(clock), Alarm(clock)
    lease = LeaderLease(server, "operator", "default", "me", clock, fence=fence, alarm=alarm)
    await lease.acquire()
    await lease.release()
    assert alarm.at == inf
    with pytest.raises(NotLeading):
        fence.seconds_left()


def test_a_shut_fence_stays_shut(clock: FakeClock) -> None:
    fence = Fence(clock, until=inf)
    assert fence.seconds_left() == inf
    fence.shut()
    fence.open_until(100)
    with pytest.raises(NotLeading):
        fence.seconds_left()


async def test_a_holder_that_renews_is_not_followed(server: LeaseServer, clock: FakeClock) -> None:
    lease = candidate(server, "me", clock)
    await lease.acquire()
    tasks = [asyncio.ensure_future(lease.hold()), asyncio.ensure_future(candidate(server, "you", clock).acquire())]
    await clock.elapse(3600)
    assert lease.leading
    assert not any(task.done() for task in tasks)
    await cancel(tasks)


async def test_hold_returns_when_nothing_was_renewed_for_ten_seconds(server: LeaseServer, clock: FakeClock) -> None:
    lease = candidate(server, "me", clock)
    await lease.acquire()
    hold = asyncio.ensure_future(lease.hold())
    await clock.elapse(60)
    server.away = True
    await clock.elapse(7.9)
    assert not hold.done()
    await clock.elapse(2.2)
    assert hold.done()
    assert not lease.leading


async def test_a_renewal_counts_from_its_request_not_from_its_answer(server: LeaseServer, clock: FakeClock) -> None:
    lease = candidate(server, "me", clock)
    await lease.acquire()
    hold = asyncio.ensure_future(lease.hold())
    await clock.elapse(1.9)
    server.tarry = 6.0
    await clock.elapse(1)  # the renewal of second 2 is written, and answered in second 8
    server.tarry, server.away = 0.0, True
    await clock.elapse(8.9)
    assert not hold.done()
    await clock.elapse(0.3)
    assert hold.done()


async def test_hold_returns_at_once_when_somebody_else_holds_it(server: LeaseServer, clock: FakeClock) -> None:
    lease = candidate(server, "me", clock)
    await lease.acquire()
    hold = asyncio.ensure_future(lease.hold())
    await settle()
    assert server.lease is not None
    server.lease["spec"]["holderIdentity"] = "usurper"
    server.lease["metadata"]["resourceVersion"] = "77"
    await clock.elapse(2)
    assert hold.done()
    assert server.lease["spec"]["holderIdentity"] == "usurper"


async def test_release_lets_the_next_one_lead_within_its_retry(server: LeaseServer, clock: FakeClock) -> None:
    lease = candidate(server, "me", clock)
    await lease.acquire()
    heir = asyncio.ensure_future(candidate(server, "heir", clock).acquire())
    await clock.elapse(5)
    await lease.release()
    assert not lease.leading
    await clock.elapse(2)
    assert heir.done()


async def test_release_of_what_is_not_held_writes_nothing(server: LeaseServer, clock: FakeClock) -> None:
    lease = candidate(server, "me", clock)
    await lease.release()
    assert server.writes == 0


@pytest.mark.parametrize(("duration", "renew", "retry"), [(15, 15, 2), (15, 2, 2), (1, 10, 2)])
def test_times_that_cannot_be_safe_are_refused(duration: float, renew: float, retry: float) -> None:
    with pytest.raises(ValueError, match="retry < renew < duration"):
        Times(duration, renew, retry)


async def cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    chaos=st.floats(0, 0.6),
    outages=st.lists(st.tuples(st.floats(1, 60), st.floats(1, 40)), max_size=4),
    crashes=st.booleans(),
)
async def test_there_are_never_two_leaders(
    seed: int, chaos: float, outages: list[tuple[float, float]], crashes: bool
) -> None:
    clock, random = FakeClock(), Random(seed)
    server = LeaseServer(clock, random, chaos)
    leading: set[str] = set()
    terms: list[str] = []

    async def operator(number: int) -> None:
        for life in range(1000):
            identity = f"{number}-{life}"
            lease = candidate(server, identity, clock)
            await lease.acquire()
            assert not leading, f"{identity} leads although {leading} does"
            leading.add(identity)
            terms.append(identity)
            try:
                if crashes and random.random() < 0.3:
                    await asyncio.sleep(0)  # dies without a word
                else:
                    await lease.hold()
            finally:
                leading.remove(identity)

    operators = [asyncio.ensure_future(operator(number)) for number in range(3)]
    for up, down in outages:
        await clock.elapse(up)
        server.away = True
        await clock.elapse(down)
        server.away = False
    server.chaos = 0.0
    before = len(terms)
    await clock.elapse(120)
    assert not any(task.done() for task in operators), [task.exception() for task in operators if task.done()]
    assert leading or len(terms) > before, "somebody leads once the server is well"
    await cancel(operators)
