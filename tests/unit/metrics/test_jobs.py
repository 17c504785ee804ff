"""Metrics of jobs and Environments, as Prometheus reads them."""

from __future__ import annotations

from typing import Any

import pytest
from job_factory import ddp, job_body, make_job, stamp
from prometheus_client import CollectorRegistry

from footplate.api.training_job import TrainingJobStatus
from footplate.environments.changes import Build
from footplate.environments.observe import environment_view
from footplate.jobs.job_view import JobView, job_view
from footplate.metrics.jobs import MOST_SERIES, JobMetrics, tally


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> JobMetrics:
    return JobMetrics(registry)


def written(metrics: JobMetrics, before: dict[str, Any], after: dict[str, Any], **spec: Any) -> None:
    metrics.written(make_job(status=before, **spec), TrainingJobStatus.model_validate(after))


def test_a_phase_is_timed_when_it_ends(metrics: JobMetrics, registry: CollectorRegistry) -> None:
    running = {"phase": "Running", "phaseTime": stamp(10), "attempts": [{"number": 1, "startTime": stamp(10)}]}
    ended = {**running, "phase": "Finalizing", "phaseTime": stamp(7210)}
    written(metrics, running, ended, **ddp())
    labels = {"phase": "Running", "framework": "pytorch"}
    assert registry.get_sample_value("footplate_job_phase_seconds_sum", labels) == 7200
    assert registry.get_sample_value("footplate_job_phase_seconds_bucket", {**labels, "le": "3600.0"}) == 0
    assert registry.get_sample_value("footplate_job_phase_seconds_bucket", {**labels, "le": "10800.0"}) == 1
    written(metrics, ended, {**ended, "message": "uploading"}, **ddp())
    assert registry.get_sample_value("footplate_job_phase_seconds_count", labels) == 1


def test_the_end_of_a_job_is_counted_once(metrics: JobMetrics, registry: CollectorRegistry) -> None:
    open_attempt = {"number": 1, "startTime": stamp(10)}
    running = {"phase": "Running", "phaseTime": stamp(10), "attempts": [open_attempt]}
    lost = {"type": "OutputsPersisted", "status": "False", "reason": "Incomplete", "lastTransitionTime": stamp(20)}
    ended = {
        "phase": "Failed",
        "reason": "NodeLost",
        "phaseTime": stamp(20),
        "attempts": [{**open_attempt, "endTime": stamp(20), "reason": "NodeLost"}],
        "conditions": [lost],
        "retries": {"user": 0, "infrastructure": 1},
    }
    written(metrics, running, ended)
    written(metrics, ended, {**ended, "observedGeneration": 2})
    single = {"framework": "single"}
    assert registry.get_sample_value("footplate_job_attempts_ended_total", {**single, "reason": "Evicted"}) == 0
    expected = {
        ("footplate_jobs_finished_total", "outcome=Failed", "reason=NodeLost"): 1,
        ("footplate_job_attempts_ended_total", "reason=NodeLost"): 1,
        ("footplate_job_retries_total", "budget=infrastructure"): 1,
        ("footplate_job_retries_total", "budget=user"): 0,
        ("footplate_jobs_outputs_missing_total",): 1,
    }
    for (name, *labels), value in expected.items():
        assert registry.get_sample_value(name, {**single, **dict(x.split("=") for x in labels)}) == value, name


def test_a_job_that_cannot_be_read_is_a_failed_one(metrics: JobMetrics, registry: CollectorRegistry) -> None:
    labels = {"outcome": "Failed", "reason": "InvalidSpec", "framework": "pytorch"}
    assert registry.get_sample_value("footplate_jobs_finished_total", labels) == 0, "so that it can increase"
    metrics.refused(job_view(job_body(**ddp())))
    assert registry.get_sample_value("footplate_jobs_finished_total", labels) == 1


def views() -> list[JobView]:
    running = {"phase": "Running", "reason": "AllReplicasRunning"}
    bodies = [
        job_body("a", running, **ddp()),
        job_body("b", running, **ddp()),
        job_body("c", running),
        job_body("d"),
        job_body("e", {"phase": "Failed", "reason": "UserError"}, distribution={"mpi": {}}),
    ]
    return [job_view(body) for body in bodies]


def test_jobs_are_counted_when_the_metrics_are_read(metrics: JobMetrics, registry: CollectorRegistry) -> None:
    jobs = views()
    metrics.watch_jobs(lambda: jobs)
    for (phase, reason, framework), count in {
        ("Running", "AllReplicasRunning", "pytorch"): 2,
        ("Running", "AllReplicasRunning", "single"): 1,
        ("New", "", "single"): 1,
        ("Failed", "UserError", "mpi"): 1,
    }.items():
        labels = {"phase": phase, "reason": reason, "framework": framework}
        assert registry.get_sample_value("footplate_jobs", labels) == count
    labels = {"phase": "Running", "framework": "mpi"}
    assert registry.get_sample_value("footplate_job_phase_seconds_count", labels) == 0, (
        "the first to end is an increase"
    )
    jobs.clear()
    assert list(next(m for m in registry.collect() if m.name == "footplate_jobs").samples) == []


def test_whatever_others_write_the_number_of_series_is_bounded() -> None:
    strange = [job_view(job_body(f"j{i}", {"phase": "Running", "reason": f"R{i}"})) for i in range(2 * MOST_SERIES)]
    found = tally([*strange, *views()])
    assert len(found) == MOST_SERIES + 3, "one of each phase and framework for all others"
    assert found["Running", "AllReplicasRunning", "pytorch"] == 2, "the frequent ones stay"
    assert sum(found.values()) == 2 * MOST_SERIES + 5, "none is left out"


def test_environments_and_their_builds(metrics: JobMetrics, registry: CollectorRegistry) -> None:
    ready = {"type": "Ready", "status": "True", "reason": "ImageReady", "lastTransitionTime": stamp(1)}
    bodies = [
        {
            "metadata": {"name": name, "namespace": "default", "uid": name, "resourceVersion": "1"},
            "spec": {"pip": ["torch"]},
            "status": {"conditions": conditions},
        }
        for name, conditions in {"a": [ready], "b": [ready], "c": []}.items()
    ]
    metrics.watch_environments(lambda: [environment_view(body) for body in bodies])
    assert registry.get_sample_value("footplate_environments", {"state": "Ready"}) == 2
    assert registry.get_sample_value("footplate_environments", {"state": "New"}) == 1
    metrics.built(Build(90, succeeded=True))
    metrics.built(Build(9, succeeded=False))
    assert registry.get_sample_value("footplate_environment_build_seconds_sum", {"outcome": "Succeeded"}) == 90
    assert registry.get_sample_value("footplate_environment_build_seconds_count", {"outcome": "Failed"}) == 1
