from __future__ import annotations

import asyncio

import pytest
from fake_clock import FakeClock, settle

from footplate.kube.rate import TokenBucket


async def test_the_burst_passes_at_once_and_the_rest_at_the_rate() -> None:
    clock = FakeClock()
    bucket = TokenBucket(clock, rate=2, burst=3)
    passed: list[tuple[int, float]] = []

    async def call(number: int) -> None:
        await bucket.take()
        passed.append((number, clock.monotonic()))

    calls = [asyncio.ensure_future(call(number)) for number in range(6)]
    await clock.elapse(10)
    await asyncio.gather(*calls)
    assert passed == [(0, 0), (1, 0), (2, 0), (3, 0.5), (4, 1.0), (5, 1.5)]


async def test_an_idle_bucket_fills_up_to_the_burst_and_no_further() -> None:
    clock = FakeClock()
    bucket = TokenBucket(clock, rate=1, burst=2)
    clock.advance(1000)
    for _ in range(2):
        await bucket.take()
    third = asyncio.ensure_future(bucket.take())
    await settle()
    assert not third.done()
    await clock.elapse(1)
    assert third.done()


async def test_a_call_that_is_given_up_costs_nothing() -> None:
    clock = FakeClock()
    bucket = TokenBucket(clock, rate=1, burst=1)
    await bucket.take()
    given_up = asyncio.ensure_future(bucket.take())
    await settle()
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    clock.advance(1)
    await asyncio.wait_for(bucket.take(), 5)


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0)])
def test_a_bucket_that_would_never_fill_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="positive rate and burst"):
        TokenBucket(FakeClock(), rate, burst)
