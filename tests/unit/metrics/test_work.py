"""Metrics of the queue, the workers and the sweeps."""

from __future__ import annotations

from random import Random

from fake_clock import FakeClock
from prometheus_client import CollectorRegistry
from watched_pod import Pod, pod

from footplate.engine.keys import Key
from footplate.engine.queue import WorkQueue
from footplate.engine.store import Store
from footplate.engine.sweep import Sweep
from footplate.metrics.work import WorkMetrics


def test_reconciles() -> None:
    registry = CollectorRegistry()
    metrics = WorkMetrics(registry)
    metrics.reconciled("TrainingJob", 0.02)
    metrics.failed("TrainingJob", "Unavailable")
    metrics.retried("TrainingJob")
    value = registry.get_sample_value
    assert value("footplate_reconcile_seconds_count", {"kind": "TrainingJob"}) == 1
    assert value("footplate_reconcile_errors_total", {"kind": "TrainingJob", "error": "Unavailable"}) == 1
    assert value("footplate_reconcile_retries_total", {"kind": "TrainingJob"}) == 1


async def test_the_queue_is_read_when_prometheus_asks() -> None:
    registry, clock = CollectorRegistry(), FakeClock()
    queue = WorkQueue(clock, Random(1))
    WorkMetrics(registry).watch_queue(queue)
    for name in "abc":
        queue.add(Key("TrainingJob", "default", name))
    await queue.get()
    clock.advance(9)
    assert registry.get_sample_value("footplate_queue_depth") == 2
    assert registry.get_sample_value("footplate_queue_longest_wait_seconds") == 9
    assert registry.get_sample_value("footplate_queue_oldest_seconds") == 9


async def test_sweeps_tell_their_age_once_all_have_succeeded() -> None:
    registry, clock = CollectorRegistry(), FakeClock()

    async def nothing() -> list[Pod]:
        return []

    def sweep() -> Sweep[Pod]:
        store: Store[Pod] = Store(clock)
        return Sweep(nothing, store, lambda view: None, clock, Random(1), 300, lambda: None)

    first, second = sweep(), sweep()
    WorkMetrics(registry).watch_sweeps([first, second], clock)
    await first.once()
    clock.advance(100)
    assert registry.get_sample_value("footplate_sweep_age_seconds") is None
    await second.once()
    clock.advance(20)
    assert registry.get_sample_value("footplate_sweep_age_seconds") == 120
    second.corrections = 3
    assert registry.get_sample_value("footplate_sweep_corrections_total") == 3


async def test_a_watch_that_owes_an_event_is_told_of() -> None:
    registry, clock = CollectorRegistry(), FakeClock()

    async def one() -> list[Pod]:
        return [pod("missed", 3)]

    store: Store[Pod] = Store(clock)
    sweep = Sweep(one, store, lambda view: None, clock, Random(1), 300, lambda: None)
    WorkMetrics(registry).watch_sweeps([sweep], clock)
    assert registry.get_sample_value("footplate_watch_deaf_seconds") == 0
    await sweep.once()
    clock.advance(33)
    assert registry.get_sample_value("footplate_watch_deaf_seconds") == 33
