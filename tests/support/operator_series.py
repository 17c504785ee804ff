"""The series of an operator's /metrics: made by having an operator's parts tell of one of everything."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import NamedTuple

from fake_clock import FakeClock
from job_factory import job_body, make_job, stamp
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from watched_pod import Pod

from footplate.api.training_job import TrainingJobStatus
from footplate.engine.queue import WorkQueue
from footplate.engine.store import Store
from footplate.engine.sweep import Sweep
from footplate.environments.changes import Build
from footplate.environments.observe import environment_view
from footplate.jobs.job_view import job_view
from footplate.metrics import OperatorMetrics


class Series(NamedTuple):
    """A metric by the name that is documented: a histogram without _bucket, a counter with _total."""

    kind: str
    labels: frozenset[str]


@cache
def exposed() -> dict[str, Series]:
    """All metrics of an operator, read from the text that Prometheus gets."""
    found = {}
    for family in text_string_to_metric_families(exposition()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels}
        found[name] = Series(family.type, frozenset(labels - {"le"}))
    return found


def exposition() -> str:
    clock = FakeClock()
    metrics = OperatorMetrics(CollectorRegistry(), clock)
    _tell(metrics, clock)
    return generate_latest(metrics.registry).decode()


def _tell(metrics: OperatorMetrics, clock: FakeClock) -> None:
    metrics.settings_read(True)
    metrics.watch_leader(lambda: True)
    metrics.work.reconciled("TrainingJob", 0.1)
    metrics.work.failed("TrainingJob", "Unavailable")
    metrics.work.retried("TrainingJob")
    metrics.work.watch_queue(WorkQueue(clock, Random(1)))
    metrics.work.watch_sweeps([_swept(clock)], clock)
    metrics.api.api_called("get", 200, 0.1)
    metrics.api.api_retried("get")
    metrics.api.watch_opened("pods")
    metrics.api.watch_listed("pods")
    metrics.api.event_came("Pod", "ADDED")
    metrics.api.watch_ages(lambda kind: clock.monotonic())
    metrics.api.event_ended("Recorded")
    metrics.jobs.written(make_job(status=_running()), TrainingJobStatus.model_validate(_lost()))
    metrics.jobs.built(Build(1, True))
    metrics.jobs.watch_jobs(lambda: [job_view(job_body())])
    environment = {
        "metadata": {"name": "torch", "namespace": "default", "uid": "e", "resourceVersion": "1"},
        "spec": {"pip": ["torch"]},
    }
    metrics.jobs.watch_environments(lambda: [environment_view(environment)])


def _swept(clock: FakeClock) -> Sweep[Pod]:
    async def nothing() -> list[Pod]:
        return []

    store: Store[Pod] = Store(clock)
    sweep = Sweep(nothing, store, lambda view: None, clock, Random(1), 300, clock.monotonic)
    sweep.last_success = clock.monotonic()
    return sweep


def _running() -> dict[str, object]:
    return {"phase": "Running", "phaseTime": stamp(1), "attempts": [{"number": 1, "startTime": stamp(1)}]}


def _lost() -> dict[str, object]:
    missing = {"type": "OutputsPersisted", "status": "False", "reason": "Incomplete", "lastTransitionTime": stamp(9)}
    return {
        "phase": "Failed",
        "reason": "NodeLost",
        "phaseTime": stamp(9),
        "attempts": [{"number": 1, "startTime": stamp(1), "endTime": stamp(9), "reason": "NodeLost"}],
        "retries": {"infrastructure": 1},
        "conditions": [missing],
    }
