"""Patterns for the console that would find nothing are refused before any pod is made."""

from __future__ import annotations

import pytest
from job_factory import CONTEXT, at, make_job

from footplate.api.phases import Phase
from footplate.frameworks import framework_of
from footplate.jobs.launch import launch_orders
from footplate.jobs.observe import EnvironmentImage, Observed
from footplate.jobs.plan import plan
from footplate_runtime.orders import MetricSources, Orders


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("loss: (?P<loss>", "spec.metrics.stdout[1] is no regular expression of Python: missing )"),
        ("(?P<step>\\d+)", "spec.metrics.stdout[1] names no metric: give it a named group"),
        ("loss: (.*)", "spec.metrics.stdout[1] names no metric"),
        ("(?P<a>x)" + "(" * 1000, "spec.metrics.stdout[1] is no regular expression of Python"),
    ],
)
def test_a_pattern_that_finds_nothing_is_refused(pattern: str, sentence: str) -> None:
    job = make_job(metrics={"stdout": ["(?P<loss>.*)", pattern]})
    step = plan(job, Observed(), CONTEXT, at(1))
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "InvalidSpec")
    assert sentence in (step.status.message or "")


@pytest.mark.parametrize(
    ("metrics", "wanted"),
    [
        ({}, MetricSources((), True)),
        ({"tensorboard": False}, MetricSources((), False)),
        ({"stdout": ["(?P<loss>.*)"]}, MetricSources(("(?P<loss>.*)",), True)),
    ],
)
def test_the_agent_is_told_where_metrics_are(metrics: dict[str, object], wanted: MetricSources) -> None:
    job = make_job(metrics=metrics)
    orders = launch_orders(job, framework_of(job.spec), CONTEXT, EnvironmentImage("", image="python:3.12"))
    assert Orders.parse(orders).metrics == wanted
