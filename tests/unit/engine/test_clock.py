from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from fake_clock import FakeClock

from footplate.engine.clock import SystemClock


async def test_the_system_clock_tells_aware_utc_and_does_not_jump() -> None:
    clock = SystemClock()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.now().utcoffset() == timedelta(0)
    before = clock.monotonic()
    await clock.sleep(-1)
    assert clock.monotonic() >= before


async def test_elapse_wakes_sleepers_in_order_and_lets_them_sleep_again() -> None:
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        while True:
            await clock.sleep(seconds)
            woken.append((name, clock.monotonic()))

    tasks = [asyncio.ensure_future(sleeper("slow", 3)), asyncio.ensure_future(sleeper("fast", 2))]
    await clock.elapse(5)
    assert woken == [("fast", 2), ("slow", 3), ("fast", 4)]
    assert clock.now() == FakeClock().now() + timedelta(seconds=5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert clock.sleepers == 0
