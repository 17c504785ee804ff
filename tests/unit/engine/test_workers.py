from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random

import pytest
from fake_clock import FakeClock, settle

from footplate.engine.keys import Key
from footplate.engine.queue import WorkQueue
from footplate.engine.result import After, Done, Result
from footplate.engine.workers import work
from footplate.errors import InvalidSpec, Retry, Unavailable

A, B = (Key("TrainingJob", "default", name) for name in "ab")


class Observer:
    def __init__(self) -> None:
        self.times: list[tuple[str, float]] = []
        self.errors: list[tuple[str, str]] = []
        self.retries = 0

    def reconciled(self, kind: str, seconds: float) -> None:
        self.times.append((kind, seconds))

    def failed(self, kind: str, error: str) -> None:
        self.errors.append((kind, error))

    def retried(self, kind: str) -> None:
        self.retries += 1


class Bench:
    """Two workers on a queue, with a reconcile whose outcome the test sets."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.queue = WorkQueue(self.clock, Random(1))
        self.observer = Observer()
        self.outcome: Result | BaseException = Done()
        self.begun: list[tuple[float, Key]] = []

    async def reconcile(self, key: Key) -> Result:
        self.begun.append((self.clock.monotonic(), key))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    def start(self, reconcile: Callable[[Key], Awaitable[Result]] | None = None) -> asyncio.Task[None]:
        workers = work(self.queue, reconcile or self.reconcile, 2, observer=self.observer, clock=self.clock)
        return asyncio.ensure_future(workers)

    async def run(self, outcome: Result | BaseException, then: Result = Done()) -> list[float]:  # noqa: B008
        """Reconcile A once with this outcome and ever after with `then`; the times of all its reconciles."""
        self.outcome = outcome
        self.queue.add(A)
        await settle()
        self.outcome = then
        await self.clock.elapse(1000)
        return [time for time, _ in self.begun]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    task = bench.start()
    yield bench
    assert not task.done(), "no outcome ends the workers"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_done_is_the_end_of_it(bench: Bench) -> None:
    assert await bench.run(Done()) == [0]
    assert bench.observer.times == [("TrainingJob", 0)]
    assert bench.observer.errors == []


async def test_after_comes_again_after_its_time(bench: Bench) -> None:
    assert await bench.run(After(30)) == [0, 30]


async def test_retry_comes_again_after_its_time_and_is_no_error(bench: Bench) -> None:
    assert await bench.run(Retry(0.5, "not yet")) == [0, 0.5]
    assert bench.observer.errors == []
    assert bench.observer.retries == 1


async def test_an_invalid_spec_is_not_tried_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert await bench.run(InvalidSpec("NoSuchFramework", "there is no framework horovod")) == [0]
    assert "TrainingJob default/a: NoSuchFramework: there is no framework horovod" in caplog.text
    assert bench.observer.errors == [("TrainingJob", "InvalidSpec")]
    assert bench.observer.retries == 0


async def test_our_own_errors_back_off_with_one_line(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    first, second = await bench.run(Unavailable("the API server is away"))
    assert 0.75 <= second - first <= 1
    assert "the API server is away" in caplog.text
    assert "Traceback" not in caplog.text
    assert bench.observer.errors == [("TrainingJob", "Unavailable")]
    assert bench.observer.retries == 1


async def test_any_other_error_backs_off_with_its_traceback(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.outcome = ZeroDivisionError("division by zero")
    bench.queue.add(A)
    await bench.clock.elapse(5.9)
    assert [round(time) for time, _ in bench.begun] == [0, 1, 3]
    assert "Traceback" in caplog.text
    assert set(bench.observer.errors) == {("TrainingJob", "ZeroDivisionError")}
    assert bench.observer.retries == 3


@pytest.mark.parametrize("success", [Done(), After(500)])
async def test_success_resets_the_backoff(bench: Bench, success: Result) -> None:
    bench.outcome = ValueError()
    bench.queue.add(A)
    await bench.clock.elapse(100)
    bench.outcome = success
    await bench.clock.elapse(100)
    assert bench.queue.add_failed(A) <= 1


async def test_a_cancelled_error_from_within_a_reconcile_is_a_failure(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):  # more often than there are workers
        await bench.run(asyncio.CancelledError())
    assert len(bench.begun) == 6
    assert "was cancelled" in caplog.text


async def test_one_key_is_never_in_two_workers_and_two_keys_are_in_parallel() -> None:
    bench = Bench()
    now: list[Key] = []
    most: list[int] = []

    async def reconcile(key: Key) -> Result:
        assert key not in now
        now.append(key)
        most.append(len(now))
        bench.queue.add(key) if len(most) < 10 else None
        await bench.clock.sleep(1)
        now.remove(key)
        return Done()

    task = bench.start(reconcile)
    bench.queue.add(A)
    bench.queue.add(B)
    await bench.clock.elapse(20)
    assert max(most) == 2
    assert bench.observer.errors == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_cancelling_the_workers_cancels_the_work_and_frees_its_key() -> None:
    bench = Bench()
    cancelled: list[Key] = []

    async def reconcile(key: Key) -> Result:
        try:
            await bench.clock.sleep(1000)
        except asyncio.CancelledError:
            cancelled.append(key)
            raise
        return Done()

    task = bench.start(reconcile)
    bench.queue.add(A)
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert cancelled == [A]
    assert bench.queue.oldest_seconds() == 0
