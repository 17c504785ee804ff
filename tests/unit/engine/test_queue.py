from __future__ import annotations

import asyncio
from random import Random

import pytest
from fake_clock import FakeClock, settle

from footplate.engine.keys import Key
from footplate.engine.queue import LEAST_JITTER, LONGEST_BACKOFF_SECONDS, WorkQueue

A, B = (Key("TrainingJob", "default", name) for name in "ab")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> WorkQueue:
    return WorkQueue(clock, Random(1))


async def test_keys_come_in_the_order_of_their_first_add(queue: WorkQueue) -> None:
    for key in (A, B, A):
        queue.add(key)
    assert queue.depth == 2
    assert [await queue.get(), await queue.get()] == [A, B]


async def test_what_is_added_in_work_comes_again_once_the_work_is_done(queue: WorkQueue) -> None:
    queue.add(A)
    await queue.get()
    queue.add(A)
    queue.add(A)
    assert queue.depth == 0
    queue.done(A)
    assert await queue.get() == A
    queue.done(A)
    assert queue.depth == 0


async def test_an_idle_worker_gets_a_delayed_key_when_it_is_due(queue: WorkQueue, clock: FakeClock) -> None:
    worker = asyncio.ensure_future(queue.get())
    queue.add_after(A, 60)
    queue.add_after(B, 5)
    await clock.elapse(4.9)
    assert not worker.done()
    await clock.elapse(0.2)
    assert await worker == B
    assert queue.depth == 0


async def test_the_earliest_of_several_delays_counts(queue: WorkQueue, clock: FakeClock) -> None:
    for seconds in (30, 10, 20):
        queue.add_after(A, seconds)
    clock.advance(10)
    assert await queue.get() == A
    queue.done(A)
    clock.advance(100)
    assert queue.depth == 0


async def test_backoff_doubles_to_its_limit_and_forget_resets_it(queue: WorkQueue) -> None:
    pauses = [queue.add_failed(A) for _ in range(1100)]
    for failures, pause in enumerate(pauses[:9]):
        assert LEAST_JITTER * 2**failures <= pause <= 2**failures
    assert all(LEAST_JITTER * LONGEST_BACKOFF_SECONDS <= p <= LONGEST_BACKOFF_SECONDS for p in pauses[9:])
    assert len(set(pauses[9:])) > 1000  # jitter
    assert queue.add_failed(B) <= 1
    queue.forget(A)
    assert queue.add_failed(A) <= 1


async def test_the_longest_wait_is_that_of_the_key_that_comes_next(queue: WorkQueue, clock: FakeClock) -> None:
    assert queue.longest_wait_seconds() == 0
    queue.add_after(A, 5)
    queue.add(B)
    clock.advance(5)
    queue.add(B)
    assert queue.longest_wait_seconds() == 5
    assert await queue.get() == B
    assert queue.longest_wait_seconds() == 0, "it is due just now"
    clock.advance(3)
    assert queue.longest_wait_seconds() == 3


async def test_oldest_seconds_is_that_of_the_longest_work(queue: WorkQueue, clock: FakeClock) -> None:
    assert queue.oldest_seconds() == 0
    for key in (A, B):
        queue.add(key)
        await queue.get()
        clock.advance(10)
    assert queue.oldest_seconds() == 20
    queue.done(A)
    assert queue.oldest_seconds() == 10


async def test_a_key_that_woke_a_cancelled_worker_goes_to_another(queue: WorkQueue) -> None:
    first, second = (asyncio.ensure_future(queue.get()) for _ in range(2))
    await settle()
    queue.add(A)
    first.cancel()
    assert await asyncio.wait_for(second, 5) == A
    with pytest.raises(asyncio.CancelledError):
        await first
