from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import aiohttp
import pytest
from fake_clock import FakeClock
from prometheus_client import CollectorRegistry
from watched_pod import Pod, pod

from footplate.engine.keys import Key
from footplate.engine.queue import WorkQueue
from footplate.engine.store import Store
from footplate.engine.sweep import Sweep
from footplate.errors import Unavailable
from footplate.health import HealthServer
from footplate.metrics import OperatorMetrics

SWEEP_SECONDS = 300.0
KEY = Key("TrainingJob", "default", "digits")


class Operator:
    """What the health server looks at."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.queue = WorkQueue(self.clock, Random(1))
        self.away = False
        self.pods: list[Pod] = []
        self.heard: float | None = None
        store: Store[Pod] = Store(self.clock)
        self.sweep = Sweep(
            self.list_all, store, lambda view: None, self.clock, Random(1), SWEEP_SECONDS, lambda: self.heard
        )
        self.metrics = OperatorMetrics(CollectorRegistry(), self.clock)
        self.server = HealthServer(0, self.queue, [self.sweep], self.metrics, self.clock, host="127.0.0.1")

    async def list_all(self) -> list[Pod]:
        if self.away:
            raise Unavailable("away")
        return self.pods

    async def ask(self, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.server.port}{path}") as response,
        ):
            return response.status, await response.text()


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    operator = Operator()
    await operator.server.start()
    yield operator
    await operator.server.stop()


async def test_an_idle_operator_is_well(operator: Operator) -> None:
    await operator.sweep.once()
    operator.clock.advance(2 * SWEEP_SECONDS)
    assert await operator.ask("/healthz") == (200, "ok\n")


async def test_work_of_more_than_five_minutes_is_not(operator: Operator) -> None:
    operator.queue.add(KEY)
    await operator.queue.get()
    operator.clock.advance(300)
    assert (await operator.ask("/healthz"))[0] == 200
    operator.clock.advance(1)
    assert await operator.ask("/healthz") == (500, "a worker has been busy with one object for 301 s\n")
    operator.queue.done(KEY)
    assert (await operator.ask("/healthz"))[0] == 200


async def test_a_sweep_that_does_not_succeed_is_not(operator: Operator) -> None:
    await operator.sweep.once()
    operator.clock.advance(4 * SWEEP_SECONDS + 1)
    assert await operator.ask("/healthz") == (500, "the last sweep was 1201 s ago\n")
    await operator.sweep.once()
    assert (await operator.ask("/healthz"))[0] == 200


async def test_an_operator_that_has_not_listed_yet_is_well_and_not_ready(operator: Operator) -> None:
    operator.clock.advance(100 * SWEEP_SECONDS)
    assert (await operator.ask("/healthz"))[0] == 200
    assert await operator.ask("/readyz") == (503, "listing\n")


async def test_a_watch_that_does_not_tell_what_a_sweep_has_found_is_dead(operator: Operator) -> None:
    operator.pods = [pod("a", 1)]
    await operator.sweep.once()
    operator.clock.advance(120)
    assert (await operator.ask("/healthz"))[0] == 200
    operator.clock.advance(1)
    said = "a watch has told nothing of a change that was found 121 s ago\n"
    assert await operator.ask("/healthz") == (500, said)
    operator.heard = operator.clock.monotonic()
    assert (await operator.ask("/healthz"))[0] == 200


async def test_it_is_ready_once_everything_has_been_listed(operator: Operator) -> None:
    operator.away = True
    with pytest.raises(Unavailable):
        await operator.sweep.once()
    assert await operator.ask("/readyz") == (503, "listing\n")
    operator.away = False
    await operator.sweep.once()
    assert await operator.ask("/readyz") == (200, "ok\n")


async def test_metrics_are_those_of_the_operator(operator: Operator) -> None:
    operator.metrics.work.watch_queue(operator.queue)
    operator.queue.add(KEY)
    status, text = await operator.ask("/metrics")
    assert status == 200
    assert "footplate_queue_depth 1.0" in text.splitlines()
    assert "digits" not in text
    await operator.queue.get()
    assert "footplate_queue_depth 0.0" in (await operator.ask("/metrics"))[1].splitlines()


async def test_stop_frees_the_port(operator: Operator) -> None:
    await operator.server.stop()
    with pytest.raises(aiohttp.ClientError):
        await operator.ask("/healthz")
