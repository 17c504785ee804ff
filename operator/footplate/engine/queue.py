"""The work queue of a level-triggered controller (the rules are those of client-go's util/workqueue).

A key is *waiting*, *in work*, *due later*, or several of these. It waits at most once, however often it is
added; it is in work with at most one worker; what is added while in work waits again once that work is done.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict, deque
from random import Random

from footplate.engine.clock import Clock
from footplate.engine.keys import Key

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 300.0
LEAST_JITTER = 0.75  # a backoff is between this share and all of its step, so that failures spread


class WorkQueue:
    """Keys to reconcile, for the workers of one event loop. Not thread-safe."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._waiting: OrderedDict[Key, float] = OrderedDict()  # since when
        self._in_work: dict[Key, float] = {}  # since when
        self._again: set[Key] = set()  # added while in work
        self._due: dict[Key, float] = {}  # the earliest time only
        self._schedule: list[tuple[float, Key]] = []  # a heap; an entry that _due does not confirm is void
        self._failures: dict[Key, int] = {}
        self._idle: deque[asyncio.Future[None]] = deque()  # workers in get()
        self._alarm: asyncio.Task[None] | None = None  # sleeps until _alarm_at while workers are idle
        self._alarm_at = 0.0

    def add(self, key: Key) -> None:
        """Have it reconciled as soon as a worker is free."""
        if key in self._in_work:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = self._clock.monotonic()
            self._wake()

    def add_after(self, key: Key, seconds: float) -> None:
        """Have it reconciled in so many seconds; of several such wishes the earliest counts."""
        if seconds <= 0:
            self.add(key)
            return
        self._bring_in_due()  # an earlier wish whose time has come is not this one
        due = self._clock.monotonic() + seconds
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            heapq.heappush(self._schedule, (due, key))
            self._set_alarm()

    def add_failed(self, key: Key) -> float:
        """Have it reconciled after a pause that doubles with every failure in a row; returns the pause in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # 2.0 ** failures alone would overflow after a thousand failures.
        step = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 32))
        seconds = step * self._random.uniform(LEAST_JITTER, 1.0)
        self.add_after(key, seconds)
        return seconds

    def forget(self, key: Key) -> None:
        """It succeeded: the next failure is a first one."""
        self._failures.pop(key, None)

    async def get(self) -> Key:
        """Wait for a key and take it into work; `done` must follow."""
        while True:
            self._bring_in_due()
            if self._waiting:
                key, _ = self._waiting.popitem(last=False)
                self._in_work[key] = self._clock.monotonic()
                return key
            await self._sleep()

    def done(self, key: Key) -> None:
        """The work that `get` began is over, however it ended."""
        del self._in_work[key]
        if key in self._again:
            self._again.remove(key)
            self.add(key)

    @property
    def depth(self) -> int:
        """Keys that wait for a worker: those in work, and those due later, do not count."""
        self._bring_in_due()
        return len(self._waiting)

    def longest_wait_seconds(self) -> float:
        """How long the key that comes next has waited for a worker; 0 when none waits."""
        self._bring_in_due()
        since = next(iter(self._waiting.values()), None)
        return 0.0 if since is None else self._clock.monotonic() - since

    def oldest_seconds(self) -> float:
        """How long the longest work has been going on; 0 when all workers are idle."""
        # Work is begun in order of time, so the first is the oldest.
        since = next(iter(self._in_work.values()), None)
        return 0.0 if since is None else self._clock.monotonic() - since

    def _bring_in_due(self) -> None:
        now = self._clock.monotonic()
        while self._schedule and self._schedule[0][0] <= now:
            due, key = heapq.heappop(self._schedule)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)

    async def _sleep(self) -> None:
        """Until there may be something to take. What wakes an idle worker that has been cancelled wakes another."""
        idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._idle.append(idle)
        self._set_alarm()
        try:
            await idle
        except asyncio.CancelledError:
            if not idle.cancelled():
                self._wake()
            elif idle in self._idle:
                self._idle.remove(idle)
            raise
        finally:
            if not self._idle:
                self._stop_alarm()

    def _wake(self) -> None:
        while self._idle:
            idle = self._idle.popleft()
            if not idle.done():
                idle.set_result(None)
                return

    def _set_alarm(self) -> None:
        """While a worker is idle somebody must sleep until the next key is due; busy workers look by themselves."""
        if not self._idle or not self._schedule:
            return
        at = self._schedule[0][0]
        if self._alarm is not None:
            if self._alarm_at <= at:
                return
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = asyncio.get_running_loop().create_task(self._ring(at))

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    async def _ring(self, at: float) -> None:
        while (left := at - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)
        self._alarm = None
        self._bring_in_due()
        self._set_alarm()
