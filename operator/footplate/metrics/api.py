"""Metrics of the calls to the API server, and of what it tells us by watches."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily

from footplate.engine.clock import Clock
from footplate.events import OUTCOMES
from footplate.metrics.reading import Reading

CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
WAIT_BUCKETS = (0.001, 0.01, 0.1, 0.5, 1, 5, 15, 60)
WATCHED = ("TrainingJob", "Environment", "Pod")
LISTED = "LISTED"
EVENTS = (LISTED, "ADDED", "MODIFIED", "DELETED")


class ApiMetrics:
    """Implements kube.tracing.WatchObserver, hence kube.transport.CallObserver, handlers.EventObserver, and
    kube.events.EventObserver."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._calls = Counter(
            "footplate_api_calls",
            "Calls to the API server, those of the watches included; code 0: there was no answer.",
            ["verb", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "footplate_api_call_seconds",
            "How long the API server took to begin its answer.",
            ["verb"],
            registry=registry,
            buckets=CALL_BUCKETS,
        )
        self._retries = Counter(
            "footplate_api_retries",
            "Calls that were made again after a 429, a 5xx or no answer.",
            ["verb"],
            registry=registry,
        )
        self._waits = Histogram(
            "footplate_api_rate_limit_seconds",
            "How long a call waited for the operator's own limit (settings qps and burst).",
            registry=registry,
            buckets=WAIT_BUCKETS,
        )
        self._watches = Counter(
            "footplate_watch_starts",
            "Watches that were opened; the API server ends each after 5 minutes, so this is not about trouble alone.",
            ["resource"],
            registry=registry,
        )
        self._lists = Counter(
            "footplate_watch_lists",
            "Full listings of the watches: one at the start, one more whenever a watch could not go on where it was.",
            ["resource"],
            registry=registry,
        )
        self._events = Counter(
            "footplate_watch_events", "Events that the watches brought.", ["kind", "type"], registry=registry
        )
        for kind in WATCHED:  # so that the first event is an increase, and none at all can be told from no operator
            for event in EVENTS:
                self._events.labels(kind, event)
        self._told = Counter(
            "footplate_events",
            "Events for kubectl describe, by what became of them: Recorded, Limited, Dropped or Refused.",
            ["outcome"],
            registry=registry,
        )
        for outcome in OUTCOMES:
            self._told.labels(outcome)

    def api_called(self, verb: str, code: int, seconds: float) -> None:
        self._calls.labels(verb, str(code)).inc()
        self._seconds.labels(verb).observe(seconds)

    def api_waited(self, seconds: float) -> None:
        self._waits.observe(seconds)

    def api_retried(self, verb: str) -> None:
        self._retries.labels(verb).inc()

    def watch_opened(self, resource: str) -> None:
        self._watches.labels(resource).inc()

    def watch_listed(self, resource: str) -> None:
        self._lists.labels(resource).inc()

    def event_came(self, kind: str, event: str | None) -> None:
        self._events.labels(kind, event or LISTED).inc()

    def event_ended(self, outcome: str) -> None:
        self._told.labels(outcome).inc()

    def watch_ages(self, heard: Callable[[str], float | None]) -> None:
        """Report how old the latest event of each kind is; `heard` tells its monotonic time."""

        def read() -> list[GaugeMetricFamily]:
            family = GaugeMetricFamily(
                "footplate_watch_last_event_age_seconds",
                "How long ago the latest event of a kind came.",
                labels=["kind"],
            )
            now = self._clock.monotonic()
            for kind in WATCHED:
                came = heard(kind)
                if came is not None:
                    family.add_metric([kind], now - came)
            return [family]

        Reading(self._registry, read)
