"""What the operator tells Prometheus. No label per job: the number of series must not grow with the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from footplate.engine.queue import WorkQueue

RECONCILE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class OperatorMetrics:
    """Observes the workers (engine.workers.Observer) and the API calls (kube.transport.CallObserver)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._reconciles = Histogram(
            "footplate_reconcile_seconds",
            "How long reconciling one object took.",
            ["kind"],
            registry=registry,
            buckets=RECONCILE_BUCKETS,
        )
        self._errors = Counter(
            "footplate_reconcile_errors", "Reconciles that failed.", ["kind", "error"], registry=registry
        )
        self._calls = Counter(
            "footplate_api_calls",
            "Calls to the API server; code 0: there was no answer.",
            ["verb", "code"],
            registry=registry,
        )
        self._settings_good = Gauge(
            "footplate_settings_valid",
            "1 when the settings could be used when they were last read, 0 when the earlier ones are kept.",
            registry=registry,
        )

    def settings_read(self, valid: bool) -> None:
        """The settings were read, at the start or because they had changed."""
        self._settings_good.set(valid)

    def reconciled(self, kind: str, seconds: float) -> None:
        self._reconciles.labels(kind).observe(seconds)

    def failed(self, kind: str, error: str) -> None:
        self._errors.labels(kind, error).inc()

    def api_called(self, verb: str, code: int) -> None:
        self._calls.labels(verb, str(code)).inc()

    def watch_queue(self, queue: WorkQueue) -> None:
        """Report the queue's depth and its longest work whenever the metrics are read."""
        self.registry.register(
            _Gauges(
                lambda: [
                    _gauge("footplate_queue_depth", "Objects that wait for a worker.", queue.depth),
                    _gauge(
                        "footplate_queue_oldest_seconds",
                        "How long the longest reconcile under way has been going on.",
                        queue.oldest_seconds(),
                    ),
                ]
            )
        )

    def watch_phases(self, count: Callable[[], Mapping[str, int]]) -> None:
        """Report how many jobs there are in each phase whenever the metrics are read."""

        def read() -> list[GaugeMetricFamily]:
            family = GaugeMetricFamily("footplate_jobs", "TrainingJobs in each phase.", labels=["phase"])
            for phase, jobs in sorted(count().items()):
                family.add_metric([phase], jobs)
            return [family]

        self.registry.register(_Gauges(read))


class _Gauges(Collector):
    """Values that somebody else keeps, read when they are asked for."""

    def __init__(self, read: Callable[[], list[GaugeMetricFamily]]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._read()


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)
