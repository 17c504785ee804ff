"""Metrics of the queue, its workers and the sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric

from footplate.engine.clock import Clock
from footplate.engine.queue import WorkQueue
from footplate.engine.sweep import Sweep
from footplate.metrics.reading import Reading, counter, gauge

RECONCILE_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class WorkMetrics:
    """Implements engine.workers.Observer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._seconds = Histogram(
            "footplate_reconcile_seconds",
            "How long reconciling one object took, however it ended.",
            ["kind"],
            registry=registry,
            buckets=RECONCILE_BUCKETS,
        )
        self._errors = Counter(
            "footplate_reconcile_errors",
            "Reconciles that failed, by class of error.",
            ["kind", "error"],
            registry=registry,
        )
        self._retries = Counter(
            "footplate_reconcile_retries",
            "Reconciles to be done again though nothing may have changed: they failed, or something was in their way.",
            ["kind"],
            registry=registry,
        )

    def reconciled(self, kind: str, seconds: float) -> None:
        self._seconds.labels(kind).observe(seconds)

    def failed(self, kind: str, error: str) -> None:
        self._errors.labels(kind, error).inc()

    def retried(self, kind: str) -> None:
        self._retries.labels(kind).inc()

    def watch_queue(self, queue: WorkQueue) -> None:
        """Report the queue whenever the metrics are read."""
        Reading(
            self._registry,
            lambda: [
                gauge("footplate_queue_depth", "Objects that wait for a worker.", queue.depth),
                gauge(
                    "footplate_queue_longest_wait_seconds",
                    "How long the first of them has waited.",
                    queue.longest_wait_seconds(),
                ),
                gauge(
                    "footplate_queue_oldest_seconds",
                    "How long the longest reconcile under way has been going on.",
                    queue.oldest_seconds(),
                ),
            ],
        )

    def watch_sweeps(self, sweeps: Sequence[Sweep[Any]], clock: Clock) -> None:
        """Report the sweeps whenever the metrics are read."""

        def read() -> list[Metric]:
            corrections = counter(
                "footplate_sweep_corrections",
                "Objects that a sweep found otherwise than watches had told; a few are normal, as both run at once.",
                sum(sweep.corrections for sweep in sweeps),
            )
            deaf = gauge(
                "footplate_watch_deaf_seconds",
                "How long a watch has owed an event of something that a sweep has found; 0 when all is well.",
                max((sweep.deaf_seconds() for sweep in sweeps), default=0.0),
            )
            done = [sweep.last_success for sweep in sweeps if sweep.last_success is not None]
            if len(done) < len(sweeps):
                return [corrections, deaf]
            age = gauge(
                "footplate_sweep_age_seconds",
                "How long ago the sweep that has been due longest succeeded.",
                clock.monotonic() - min(done),
            )
            return [corrections, deaf, age]

        Reading(self._registry, read)
