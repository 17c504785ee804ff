from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from random import Random

import pytest
from fake_clock import FakeClock
from watched_pod import Pod, pod

from footplate.engine.store import Store
from footplate.engine.sweep import Sweep
from footplate.errors import Unavailable

SECONDS = 300.0


class Cluster:
    """What a listing returns, or raises."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.pods: list[Pod] = []
        self.error: Exception | None = None
        self.listed_at: list[float] = []
        self.heard: float | None = None

    async def list_all(self) -> list[Pod]:
        self.listed_at.append(self._clock.monotonic())
        found = list(self.pods)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cluster(clock: FakeClock) -> Cluster:
    return Cluster(clock)


@pytest.fixture
def store(clock: FakeClock) -> Store[Pod]:
    return Store(clock)


@pytest.fixture
def enqueued() -> list[Pod]:
    return []


@pytest.fixture
def sweep(clock: FakeClock, cluster: Cluster, store: Store[Pod], enqueued: list[Pod]) -> Sweep[Pod]:
    return Sweep(cluster.list_all, store, enqueued.append, clock, Random(3), SECONDS, lambda: cluster.heard)


@pytest.fixture
async def running(sweep: Sweep[Pod]) -> AsyncIterator[Sweep[Pod]]:
    task = asyncio.ensure_future(sweep.run())
    yield sweep
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_once_replaces_and_enqueues_what_changed(
    sweep: Sweep[Pod], cluster: Cluster, store: Store[Pod], enqueued: list[Pod], clock: FakeClock
) -> None:
    store.put(pod("ghost", 1))
    store.put(pod("same", 2))
    cluster.pods = [pod("same", 2), pod("missed", 3)]
    clock.advance(7)
    await sweep.once()
    assert enqueued == [pod("missed", 3), pod("ghost", 1)]
    assert store.values() == [pod("same", 2), pod("missed", 3)]
    assert sweep.last_success == 7


async def test_what_later_listings_find_otherwise_is_counted(
    sweep: Sweep[Pod], cluster: Cluster, store: Store[Pod]
) -> None:
    cluster.pods = [pod("a", 1), pod("b", 2)]
    await sweep.once()
    assert sweep.corrections == 0, "the first listing corrects nothing"
    store.put(pod("a", 5))
    cluster.pods = [pod("a", 5), pod("c", 6)]
    await sweep.once()
    assert sweep.corrections == 2, "b has vanished and c is new"


async def test_a_put_while_the_list_is_under_way_is_kept(
    sweep: Sweep[Pod], store: Store[Pod], enqueued: list[Pod]
) -> None:
    listing = asyncio.ensure_future(sweep.once())
    await asyncio.sleep(0)
    store.put(pod("new", 9))
    await listing
    assert store.values() == [pod("new", 9)]
    assert enqueued == []


async def test_it_runs_every_one_to_two_periods(running: Sweep[Pod], cluster: Cluster, clock: FakeClock) -> None:
    await clock.elapse(20 * SECONDS)
    times = [0.0, *cluster.listed_at]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(pauses) >= 10
    assert all(SECONDS <= pause <= 2 * SECONDS for pause in pauses)
    assert len(set(pauses)) == len(pauses)


@pytest.mark.parametrize("error", [Unavailable("away"), KeyError("metadata")])
async def test_a_listing_that_fails_is_tried_again_soon(
    running: Sweep[Pod], cluster: Cluster, clock: FakeClock, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.error = error
    await clock.elapse(2 * SECONDS)
    assert len(cluster.listed_at) > 5
    assert running.last_success is None
    assert "A sweep failed" in caplog.text
    cluster.error = None
    await clock.elapse(30)
    assert running.last_success == pytest.approx(clock.monotonic(), abs=30)


async def test_a_watch_owes_an_event_for_what_a_listing_finds_first(
    sweep: Sweep[Pod], cluster: Cluster, clock: FakeClock
) -> None:
    cluster.pods = [pod("a", 1)]
    await sweep.once()
    clock.advance(60)
    await sweep.once()
    assert sweep.deaf_seconds() == 60
    cluster.heard = clock.monotonic()
    assert sweep.deaf_seconds() == 0


async def test_a_watch_need_not_tell_what_has_vanished_nor_what_it_has_told(
    sweep: Sweep[Pod], cluster: Cluster, store: Store[Pod], clock: FakeClock
) -> None:
    store.put(pod("a", 1))
    store.put(pod("b", 1))
    cluster.pods = [pod("a", 1)]
    await sweep.once()
    clock.advance(60)
    assert sweep.deaf_seconds() == 0


async def test_the_first_listing_is_tried_until_it_succeeds(
    sweep: Sweep[Pod], cluster: Cluster, store: Store[Pod], clock: FakeClock
) -> None:
    cluster.error = Unavailable("away")
    first = asyncio.ensure_future(sweep.first())
    await clock.elapse(20)
    assert not first.done()
    assert 5 <= len(cluster.listed_at) <= 11
    cluster.error, cluster.pods = None, [pod("a", 1)]
    await clock.elapse(4)
    assert first.done()
    assert len(store) == 1
