"""The queue against a model of it, with simulated workers that start, finish and are cancelled in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

import hypothesis.strategies as st
import pytest
from fake_clock import FakeClock, settle
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from footplate.engine.keys import Key
from footplate.engine.queue import LEAST_JITTER, LONGEST_BACKOFF_SECONDS, WorkQueue

T = TypeVar("T")
KEYS = [Key("TrainingJob", "default", name) for name in "abcd"]
WORKERS = 3

keys = st.sampled_from(KEYS)
seconds = st.floats(min_value=0.0, max_value=20.0, allow_nan=False)


@dataclass
class Model:
    """What must happen, in the simplest words."""

    wanted: set[Key] = field(default_factory=set)  # added, and not begun since
    due: dict[Key, float] = field(default_factory=dict)
    failures: dict[Key, int] = field(default_factory=dict)
    begun: dict[Key, float] = field(default_factory=dict)  # in work

    def pass_time(self, now: float) -> None:
        for key in [key for key, due in self.due.items() if due <= now]:
            del self.due[key]
            self.wanted.add(key)

    def want_later(self, key: Key, now: float, after: float) -> None:
        self.pass_time(now)
        if after <= 0:
            self.wanted.add(key)
        else:
            self.due[key] = min(now + after, self.due.get(key, float("inf")))


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.queue = WorkQueue(self.clock, Random(7))
        self.model = Model()
        self.wrong: list[str] = []
        self.finish: dict[Key, asyncio.Future[None]] = {}
        self.workers = [self._hire() for _ in range(WORKERS)]

    def teardown(self) -> None:
        for worker in self.workers:
            worker.cancel()
        self.loop.run_until_complete(asyncio.gather(*self.workers, return_exceptions=True))
        leaked = asyncio.all_tasks(self.loop)
        self.loop.close()
        assert not leaked, "the queue leaves a task behind when no worker is there"

    def _hire(self) -> asyncio.Task[None]:
        return self.loop.create_task(self._worker())

    async def _worker(self) -> None:
        while True:
            key = await self.queue.get()
            try:
                self._begin(key)
                await self.finish[key]
            finally:
                del self.finish[key], self.model.begun[key]
                self.queue.done(key)

    def _begin(self, key: Key) -> None:
        now = self.clock.monotonic()
        self.model.pass_time(now)
        if key in self.model.begun:
            self.wrong.append(f"{key} is in work twice at once")
        if key not in self.model.wanted:
            self.wrong.append(f"{key} is worked on although nobody wants it")
        self.model.wanted.discard(key)
        self.model.begun[key] = now
        self.finish[key] = self.loop.create_future()

    def _call(self, method: Callable[[], T]) -> T:
        """In the loop, as handlers and workers do."""

        async def call() -> T:
            return method()

        return self.loop.run_until_complete(call())

    def _settle(self) -> None:
        self.loop.run_until_complete(settle())

    @rule(key=keys)
    def add(self, key: Key) -> None:
        self.queue.add(key)
        self.model.wanted.add(key)

    @rule(key=keys, after=seconds)
    def add_after(self, key: Key, after: float) -> None:
        self.model.want_later(key, self.clock.monotonic(), after)
        self._call(lambda: self.queue.add_after(key, after))

    @rule(key=keys)
    def add_failed(self, key: Key) -> None:
        failures = self.model.failures.get(key, 0)

        def fail() -> float:
            pause = self.queue.add_failed(key)
            self.model.want_later(key, self.clock.monotonic(), pause)
            return pause

        pause = self._call(fail)
        step = min(LONGEST_BACKOFF_SECONDS, 2.0**failures)
        assert LEAST_JITTER * step <= pause <= step
        self.model.failures[key] = failures + 1

    @rule(key=keys)
    def forget(self, key: Key) -> None:
        self.queue.forget(key)
        self.model.failures.pop(key, None)

    @rule(after=seconds)
    def time_passes(self, after: float) -> None:
        self.loop.run_until_complete(self.clock.elapse(after))

    @rule()
    def loop_turns(self) -> None:
        self._settle()

    @precondition(lambda self: self.finish)
    @rule(data=st.data())
    def work_ends(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.finish)))
        if not self.finish[key].done():
            self.finish[key].set_result(None)

    @rule(index=st.integers(0, WORKERS - 1), also_add=st.none() | keys)
    def worker_is_replaced(self, index: int, also_add: Key | None) -> None:
        """Cancelled in the same turn in which a key may have woken it: the key must not get lost."""
        if also_add is not None:
            self.add(also_add)
        self.workers[index].cancel()
        self.workers[index] = self._hire()

    @invariant()
    def holds(self) -> None:
        self._settle()
        now = self.clock.monotonic()
        self.model.pass_time(now)
        assert not self.wrong, self.wrong
        waiting = self.model.wanted - self.model.begun.keys()
        assert not waiting or len(self.model.begun) == WORKERS, f"{waiting} wait and a worker is idle"
        assert self.queue.depth == len(waiting)
        oldest = max((now - since for since in self.model.begun.values()), default=0.0)
        assert self.queue.oldest_seconds() == pytest.approx(oldest)


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
