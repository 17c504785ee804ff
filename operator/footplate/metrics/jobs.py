"""Metrics of TrainingJobs and Environments: how many there are, what became of them, and how long it took."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily

from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob, TrainingJobStatus
from footplate.environments.changes import Build, state
from footplate.environments.observe import EnvironmentView
from footplate.frameworks import framework_of
from footplate.frameworks.registry import REGISTRY, SINGLE
from footplate.jobs.changes import TIMED, ended_attempts, finished, outputs_missing, retries, spans
from footplate.jobs.diagnosis import Cause
from footplate.jobs.job_view import JobView
from footplate.metrics.reading import Reading

MINUTE, HOUR, DAY = 60, 3600, 86400
PHASE_BUCKETS = (
    *(1, 2, 5, 10, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE),
    *(HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 3 * DAY, 7 * DAY, 14 * DAY, 28 * DAY),
)
BUILD_BUCKETS = (1, 5, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, HOUR, 2 * HOUR)

BUDGETS = ("user", "infrastructure")
ENDS = {  # of all other reasons a job fails
    Phase.COMPLETED: Phase.COMPLETED,
    Cause.CANCELED: Phase.CANCELED,
    Cause.DELETED: Phase.CANCELED,
}
MOST_SERIES = 300
NEW = "New"
OTHER = "Other"


class JobMetrics:
    """Implements jobs.changes.JobObserver and environments.changes.BuildObserver."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._spans = Histogram(
            "footplate_job_phase_seconds",
            "How long jobs were in a phase, told when they leave it.",
            ["phase", "framework"],
            registry=registry,
            buckets=PHASE_BUCKETS,
        )
        self._finished = Counter(
            "footplate_jobs_finished",
            "Jobs that came to their end: outcome is Completed, Failed or Canceled.",
            ["outcome", "reason", "framework"],
            registry=registry,
        )
        self._attempts = Counter(
            "footplate_job_attempts_ended",
            "Attempts that were over, and why; those that another one follows as well as the last.",
            ["reason", "framework"],
            registry=registry,
        )
        self._retries = Counter(
            "footplate_job_retries",
            "Restarts, and replaced replicas of elastic jobs, by the budget of spec.retry that paid for them.",
            ["budget", "framework"],
            registry=registry,
        )
        self._missing = Counter(
            "footplate_jobs_outputs_missing",
            "Jobs that came to their end with outputs that are not in the store.",
            ["framework"],
            registry=registry,
        )
        self._builds = Histogram(
            "footplate_environment_build_seconds",
            "How long builds of Environments took; outcome is Succeeded or Failed.",
            ["outcome"],
            registry=registry,
            buckets=BUILD_BUCKETS,
        )

        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """A counter that first appears as 1 has not increased, by PromQL: nobody would be told of the first loss."""
        for framework in (SINGLE.name, *REGISTRY):
            self._missing.labels(framework)
            for budget in BUDGETS:
                self._retries.labels(budget, framework)
            for reason in (Phase.COMPLETED, *Cause):
                self._attempts.labels(reason.value, framework)
                self._finished.labels(ENDS.get(reason, Phase.FAILED).value, reason.value, framework)

    def written(self, job: TrainingJob, status: TrainingJobStatus) -> None:
        framework = framework_of(job.spec).name
        for span in spans(job, status):
            self._spans.labels(span.phase.value, framework).observe(span.seconds)
        for reason in ended_attempts(job.status, status):
            self._attempts.labels(reason, framework).inc()
        for budget, count in retries(job.status, status).items():
            self._retries.labels(budget, framework).inc(count)
        if finished(job.status, status):
            self._finished.labels(status.phase, status.reason, framework).inc()
            if outputs_missing(status):
                self._missing.labels(framework).inc()

    def refused(self, view: JobView) -> None:
        self._finished.labels(Phase.FAILED.value, Cause.INVALID_SPEC.value, view.framework).inc()

    def built(self, build: Build) -> None:
        self._builds.labels("Succeeded" if build.succeeded else "Failed").observe(build.seconds)

    def watch_jobs(self, jobs: Callable[[], Iterable[JobView]]) -> None:
        """Report how many jobs there are, whenever the metrics are read."""

        def read() -> list[GaugeMetricFamily]:
            family = GaugeMetricFamily(
                "footplate_jobs",
                "TrainingJobs that there are now; phase New: nobody has looked at it yet.",
                labels=["phase", "reason", "framework"],
            )
            for labels, count in sorted(tally(jobs()).items()):
                family.add_metric(labels, count)
                self._begin_phases(framework=labels[-1])
            return [family]

        Reading(self._registry, read)

    def _begin_phases(self, framework: str) -> None:
        """As _begin_at_zero, for what would be hundreds of series of frameworks that nobody uses."""
        for phase in TIMED:
            self._spans.labels(phase.value, framework)

    def watch_environments(self, environments: Callable[[], Iterable[EnvironmentView]]) -> None:
        """Report how many Environments there are, whenever the metrics are read."""

        def read() -> list[GaugeMetricFamily]:
            family = GaugeMetricFamily(
                "footplate_environments",
                "Environments that there are now: Ready, Building, New, or why they are not ready.",
                labels=["state"],
            )
            for name, count in sorted(Tally(state(view.environment.status) for view in environments()).items()):
                family.add_metric([name], count)
            return [family]

        Reading(self._registry, read)


def tally(jobs: Iterable[JobView]) -> dict[tuple[str, str, str], int]:
    """Jobs by phase, reason and framework.

    The reasons are the operator's own words. A status that somebody else wrote may have any, so beyond MOST_SERIES
    the rarest are put together under the reason Other.
    """
    found = Tally((job.phase or NEW, job.reason, job.framework) for job in jobs)
    kept: Tally[tuple[str, str, str]] = Tally()
    for number, ((phase, reason, framework), count) in enumerate(found.most_common()):
        kept[phase, reason if number < MOST_SERIES else OTHER, framework] += count
    return dict(kept)
