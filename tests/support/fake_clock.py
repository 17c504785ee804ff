"""A clock that stands still until the test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TURNS = 20  # of the loop, in which woken tasks can call each other


class FakeClock:
    """Implements footplate.engine.clock.Clock. Time of day and monotonic time advance together."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), sleeper))
        await sleeper

    def advance(self, seconds: float) -> None:
        """Jump ahead and wake whoever slept until then; they run when the test next awaits."""
        self._move_to(self._elapsed + seconds)

    def _move_to(self, elapsed: float) -> None:
        self._elapsed = elapsed
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)

    async def elapse(self, seconds: float) -> None:
        """Let the time pass step by step: who wakes and sleeps again within it wakes again."""
        end = self._elapsed + seconds
        await settle()
        while (due := self._next_due()) is not None and due <= end:
            self._move_to(due)
            await settle()
        self._move_to(end)
        await settle()

    @property
    def sleepers(self) -> int:
        """How many tasks wait for the time."""
        return sum(not sleeper.done() for _, _, sleeper in self._sleepers)

    def _next_due(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None


async def settle() -> None:
    """Give all other tasks some turns of the loop."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
