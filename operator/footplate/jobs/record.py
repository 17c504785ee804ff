"""What the operator knows of a run's record (run.json): told to the primary's agent and to the recorder. Pure.

The format is that of docs/architecture.md, "run.json".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from footplate import __version__
from footplate.api.conditions import OUTPUTS_PERSISTED, get_condition
from footplate.api.phases import Phase
from footplate.api.scalars import rfc3339
from footplate.api.training_job import TrainingJob
from footplate.api.training_job_status import Attempt
from footplate.jobs.context import Context
from footplate.jobs.launch import run_uri, store_of
from footplate.jobs.literal import literal

LIMIT = 100_000  # characters: Linux takes 128 KiB in one variable (execve(2): MAX_ARG_STRLEN)

Told = dict[str, Any]


def told_to_agent(job: TrainingJob) -> Told:
    """What the primary's agent cannot know: when the job was made and queued, and how earlier attempts ended."""
    created = job.metadata.creation_timestamp
    closed = [attempt for attempt in job.status.attempts if attempt.end_time is not None]
    return {
        "version": 1,
        "createdTime": _time(created),
        "queuedTime": _time(job.status.queued_time or created),
        "attempts": [_attempt(attempt) for attempt in closed],
    }


def verdict(job: TrainingJob, context: Context) -> Told:
    """The record as far as the status says it; null is what the operator does not know."""
    spec, status = job.spec, job.status
    last = status.attempts[-1] if status.attempts else None
    used = status.environment
    return {
        "version": 1,
        "footplate": __version__,
        "job": _job(job),
        "uri": status.run.uri if status.run else run_uri(job, context),
        "store": store_of(job, context).as_json(),
        "attempt": status.attempt,
        "phase": status.phase,
        "reason": status.reason,
        "message": status.message,
        "replica": last.replica if last and status.phase == Phase.FAILED else None,
        "createdTime": _time(job.metadata.creation_timestamp),
        "queuedTime": _time(status.queued_time),
        "startTime": _time(status.start_time),
        "endTime": _time(status.completion_time),
        "spec": spec.to_json(),
        "parameters": dict(spec.parameters),
        "environment": {
            "name": used.name if used else spec.environment.name if spec.environment else None,
            "version": used.version if used else spec.environment.version if spec.environment else None,
            "image": used.image if used else spec.image,
        },
        "source": {
            **(spec.source.to_json() if spec.source else {}),
            "revision": status.source.revision if status.source else None,
        },
        "inputs": [{"name": i.name, "uri": i.uri, "files": None, "bytes": None, "etag": None} for i in spec.inputs],
        "attempts": [_attempt(attempt) for attempt in status.attempts],
        "metrics": _metrics(job),
        "outputs": _outputs(job),
    }


def as_variable(told: Mapping[str, Any]) -> str:
    """The value of FOOTPLATE_RECORD.

    Of what is too long for a variable the recorder does without details: what an agent wrote of them stays.
    """
    for leave_out in (_nothing, _without_details_of_losses, _without_pod_template, _without_spec):
        told = leave_out(told)
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        if len(text) <= LIMIT:
            break
    return literal(text)


def _nothing(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return told


def _without_details_of_losses(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**told, "attempts": [{**attempt, "lost": None} for attempt in told["attempts"]]}


def _without_pod_template(told: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = {name: value for name, value in (told.get("spec") or {}).items() if name != "podTemplate"}
    return {**told, "spec": spec or None}


def _without_spec(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**told, "spec": None, "parameters": None, "inputs": []}


def _job(job: TrainingJob) -> Told:
    metadata = job.metadata
    return {
        "name": metadata.name,
        "namespace": metadata.namespace,
        "uid": metadata.uid,
        "experiment": job.spec.experiment,
    }


def _attempt(attempt: Attempt) -> Told:
    """What of an attempt is for the record: not the uids of pods, which nobody can look up any more."""
    shown = attempt.to_json()
    shown.pop("resumed", None)  # the agent tells it in full
    lost: Sequence[Mapping[str, Any]] = shown.get("lost") or ()
    kept = [{name: value for name, value in entry.items() if not name.endswith("Uid")} for entry in lost]
    return {**shown, "lost": kept}


def _metrics(job: TrainingJob) -> Told:
    """The latest values, for a run whose agent could not write its summary."""
    unknown = {"min": None, "max": None, "count": None}
    return {
        name: {"last": value.value, "step": value.step, "time": _time(value.time), **unknown}
        for name, value in job.status.metrics.items()
    }


def _outputs(job: TrainingJob) -> Told:
    run = job.status.run
    persisted = get_condition(job.status.conditions, OUTPUTS_PERSISTED)
    return {
        "files": run.files if run else None,
        "bytes": run.bytes if run else None,
        "complete": persisted.status == "True" if persisted else None,
        "manifestDigest": run.manifest_digest if run else None,
    }


def _time(time: datetime | None) -> str | None:
    return rfc3339(time) if time else None
