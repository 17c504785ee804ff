"""Which pod's agent is asked for the job's latest metrics."""

from __future__ import annotations

from typing import Any

import pytest
from job_factory import DONE, ddp, make_job, make_pod, parameter_servers

from footplate.jobs.agents import pod_to_ask
from footplate.jobs.observe import PodView

PS, WORKER, CHIEF = (make_pod(role=role) for role in ("ps", "worker", "chief"))
STATUS = {"phase": "Running", "attempt": 1}


@pytest.mark.parametrize(
    ("spec", "pods", "wanted"),
    [
        ({}, [WORKER], WORKER),
        (ddp(2), [make_pod(1), WORKER], WORKER),
        (parameter_servers(), [PS, WORKER, CHIEF], CHIEF),
        (parameter_servers(), [PS, WORKER], None),
        (parameter_servers(chief=False), [PS, WORKER], WORKER),
        ({}, [make_pod(attempt=2)], None),
        ({}, [make_pod(agent=DONE)], None),
        ({}, [make_pod(podIP="")], None),
    ],
)
def test_the_primary_is_asked(spec: dict[str, Any], pods: list[PodView], wanted: PodView | None) -> None:
    assert pod_to_ask(make_job(status=STATUS, **spec), pods) == wanted


@pytest.mark.parametrize(("phase", "asked"), [("Scaling", False), ("Running", True), ("Finalizing", True)])
def test_while_its_program_runs_or_its_outputs_are_uploaded(phase: str, asked: bool) -> None:
    assert (pod_to_ask(make_job(status={**STATUS, "phase": phase}), [WORKER]) is not None) == asked
