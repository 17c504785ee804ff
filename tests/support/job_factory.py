"""Jobs and pods for tests of the planners: short to write, in the shape that the API server gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from footplate.api.training_job import TrainingJob
from footplate.constants import LABEL_ATTEMPT, LABEL_INDEX, LABEL_JOB, LABEL_MANAGED_BY, LABEL_ROLE, MANAGED_BY
from footplate.jobs.context import Amounts, Context, Runtime, StoreAddress
from footplate.jobs.events import events_of
from footplate.jobs.observe import Observed, PodView, pod_view
from footplate.jobs.scene import Plan

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
UID = "1a2b3c4d-0000-0000-0000-000000000000"
RUNTIME = Runtime(
    "footplate/runtime:test",
    fetch=Amounts({"cpu": "50m", "memory": "64Mi"}, {"memory": "512Mi"}),
    agent=Amounts({"cpu": "50m", "memory": "64Mi"}, {"memory": "256Mi"}),
)
CONTEXT = Context(store=StoreAddress("s3://runs/prefix", "footplate-store"), runtime=RUNTIME)


def at(seconds: float) -> datetime:
    """A time after the job's creation."""
    return START + timedelta(seconds=seconds)


def stamp(seconds: float) -> str:
    return at(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def job_body(name: str = "digits", status: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A TrainingJob as JSON; `spec` overrides a small valid one."""
    return {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": UID,
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": stamp(0),
        },
        "spec": {"image": "python:3.12", "entrypoint": {"script": "train.py"}, **spec},
        "status": dict(status or {}),
    }


def make_job(name: str = "digits", status: Mapping[str, Any] | None = None, **spec: Any) -> TrainingJob:
    return TrainingJob.model_validate(job_body(name, status, **spec))


def ddp(nodes: int = 2, min_nodes: int | None = None) -> dict[str, Any]:
    """The part of a spec that makes it a PyTorch job; elastic with `min_nodes`."""
    elastic = {} if min_nodes is None else {"minNodes": min_nodes}
    return {"nodes": nodes, "distribution": {"pytorch": {"processesPerNode": 1, **elastic}}}


def parameter_servers(chief: bool = True, workers: int = 1, servers: int = 1, **more: Any) -> dict[str, Any]:
    """The part of a spec that makes it a TensorFlow job with parameter servers."""
    return {
        "distribution": {
            "tensorflow": {"chief": chief, "workers": workers, "parameterServers": servers, **more},
        }
    }


def running(start: float = 2) -> dict[str, Any]:
    return {"running": {"startedAt": stamp(start)}}


def ended(code: int, end: float = 10, start: float = 2, reason: str = "", message: Any = "") -> dict[str, Any]:
    text = message if isinstance(message, str) else json.dumps(message)
    reason = reason or ("Completed" if code == 0 else "Error")
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "message": text,
            "startedAt": stamp(start),
            "finishedAt": stamp(end),
        }
    }


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def agent_report(complete: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "complete": complete,
        "files": 2,
        "bytes": 1500,
        "manifestDigest": "sha256:" + "a" * 64,
        "missing": [],
        "error": None,
        "record": "Completed" if complete else "Failed",
        **more,
    }


DONE = ended(0, end=11, message=agent_report())


def make_pod(
    index: int = 0,
    *,
    attempt: int = 1,
    phase: str = "Running",
    train: Mapping[str, Any] | None = None,
    agent: Mapping[str, Any] | None = None,
    fetch: Mapping[str, Any] | None = None,
    deleted: float | None = None,
    grace: int = 0,
    created: float = 1,
    job: str = "digits",
    role: str = "worker",
    replacement: int = 0,
    **status: Any,
) -> PodView:
    """A replica's pod in a given state; by default all of its containers run.

    `deleted` is its deletionTimestamp: the end of the `grace` seconds that began when its deletion was asked for.
    `replacement` makes it another pod of the same name.
    """
    metadata: dict[str, Any] = {
        "name": f"{job}-{attempt}-{role}-{index}",
        "namespace": "default",
        "uid": f"pod-{attempt}-{role}-{index}" + (f".r{replacement}" if replacement else ""),
        "resourceVersion": "7",
        "creationTimestamp": stamp(created),
        "labels": {
            LABEL_MANAGED_BY: MANAGED_BY,
            LABEL_JOB: job,
            LABEL_ATTEMPT: str(attempt),
            LABEL_ROLE: role,
            LABEL_INDEX: str(index),
        },
        "ownerReferences": [
            {
                "apiVersion": "footplate.dev/v1alpha1",
                "kind": "TrainingJob",
                "name": job,
                "uid": UID,
                "controller": True,
            }
        ],
    }
    if deleted is not None:
        metadata["deletionTimestamp"] = stamp(deleted)
        metadata["deletionGracePeriodSeconds"] = grace
    return pod_view(
        {
            "metadata": metadata,
            "spec": {"nodeName": f"node-{index}"},
            "status": {
                "phase": phase,
                "podIP": f"10.0.0.{index + 1}",
                "initContainerStatuses": [
                    {"name": "fetch", "state": fetch or ended(0, end=2, message={"source": {"revision": "abc"}})},
                    {"name": "agent", "state": agent or running(2)},
                ],
                "containerStatuses": [{"name": "train", "state": train or running(2)}],
                **status,
            },
        }
    )


def succeeded_pod(index: int = 0, **more: Any) -> PodView:
    return make_pod(index, **{"phase": "Succeeded", "train": ended(0), "agent": DONE, **more})


def failed_pod(index: int = 0, code: int = 3, **more: Any) -> PodView:
    more.setdefault("train", ended(code))
    return make_pod(index, phase="Failed", agent=DONE, **more)


def pending_pod(index: int = 0, **more: Any) -> PodView:
    more.setdefault("fetch", waiting("PodInitializing"))
    more.setdefault("train", waiting("PodInitializing"))
    return make_pod(index, phase="Pending", agent=waiting("PodInitializing"), **more)


def after(job: TrainingJob, plan: Plan) -> TrainingJob:
    """The job once the plan's status has been written."""
    return job.model_copy(update={"status": type(job.status).model_validate(plan.status.to_json())})


def told(job: TrainingJob, plan: Plan) -> list[tuple[str, str]]:
    """Reasons and messages of the events that writing the plan's status brings."""
    return [(event.reason, event.message) for event in events_of(job.status, plan.status)]


def seen(*pods: PodView, **more: Any) -> Observed:
    return Observed(pods=pods, **more)
