"""All metrics of one operator, and those of its process."""

from __future__ import annotations

import platform
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, disable_created_metrics

from footplate import __version__
from footplate.engine.clock import Clock
from footplate.metrics.api import ApiMetrics
from footplate.metrics.jobs import JobMetrics
from footplate.metrics.reading import Reading, gauge
from footplate.metrics.work import WorkMetrics


class OperatorMetrics:
    """One for each process. Its parts are what others hear of as their observers."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        # Of each series it would tell in another when it began, which nobody asks.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        self.jobs = JobMetrics(registry)
        self.api = ApiMetrics(registry, clock)
        self.work = WorkMetrics(registry)
        ProcessCollector(registry=registry)
        build = Gauge("footplate_build_info", "1; which operator this is.", ["version", "python"], registry=registry)
        build.labels(__version__, platform.python_version()).set(1)
        self._settings_read = Counter(
            "footplate_settings_reads",
            "How often the settings were read; outcome is Succeeded or Failed.",
            ["outcome"],
            registry=registry,
        )
        self._settings_good = Gauge(
            "footplate_settings_valid",
            "1 when the settings could be used when they were last read, 0 when the earlier ones are kept.",
            registry=registry,
        )

    def settings_read(self, valid: bool) -> None:
        """The settings were read, at the start or because they had changed."""
        self._settings_read.labels("Succeeded" if valid else "Failed").inc()
        self._settings_good.set(valid)

    def watch_leader(self, leading: Callable[[], bool]) -> None:
        """Report whether this operator leads whenever the metrics are read."""
        Reading(
            self.registry,
            lambda: [
                gauge("footplate_leader", "1 for the operator that leads, 0 for those that wait.", float(leading()))
            ],
        )
