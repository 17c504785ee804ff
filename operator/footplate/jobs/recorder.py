"""The pod that writes the record of a job that has ended, where no agent could: when it is made, and when it is enough.

The finalizer is the operator's memory: it is there from the job's first sight until its record is right, so a job that
is deleted in between waits for that. A suspended job's recorder stays, as that memory, until the job goes on. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from footplate import store_keys
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.constants import (
    CONTAINER_RECORD,
    FINALIZER,
    LABEL_MANAGED_BY,
    LABEL_RECORDED,
    LABEL_RECORDER,
    MANAGED_BY,
)
from footplate.events import warning
from footplate.jobs import naming
from footplate.jobs.context import Context, pulling
from footplate.jobs.launch import store_of
from footplate.jobs.observe import Observed, RecorderView
from footplate.jobs.record import as_variable, verdict
from footplate.jobs.scene import TERMINAL, Deletion, Plan, Recording, soonest
from footplate.jobs.security import own_container, pod_context
from footplate.jobs.template import merge_template
from footplate_runtime import contract

RECORD_SECONDS = 300.0  # after a job's end, for its record; a store may be away for minutes
DELETION_SECONDS = 60.0  # the same while somebody waits for its deletion
LOOK_AGAIN_SECONDS = 5.0
_HOPELESS = (1, 2)  # exit codes with which it has given up by itself
# Of the user's template what any pod of theirs needs to be let in and to reach the store.
_OF_TEMPLATE = ("imagePullSecrets", "serviceAccountName", "tolerations")


def with_recording(step: Plan, job: TrainingJob, observed: Observed, context: Context, now: datetime) -> Plan:
    """The plan with what its job's record needs; `job` is as the API server has it, without the plan's status."""
    recording = _recording(step, job, observed, context, now)
    if recording == Recording():
        return step
    return replace(step, recording=recording, after=soonest(step.after, recording.after))


def _recording(step: Plan, job: TrainingJob, observed: Observed, context: Context, now: datetime) -> Recording:
    status = job.status
    if status.phase in TERMINAL:
        return _of_the_end(job, observed, context, now) if FINALIZER in job.metadata.finalizers else Recording()
    if status.phase == Phase.SUSPENDED and step.status.phase == Phase.SUSPENDED:
        return _of_a_suspension(job, observed, context)
    return _removal(observed.recorder)


def _of_the_end(job: TrainingJob, observed: Observed, context: Context, now: datetime) -> Recording:
    recorder = observed.recorder
    ours = recorder if recorder is not None and recorder.recorded == _recorded(job) else None
    if said_by_agent(job, observed) or (ours is not None and ours.succeeded):
        return Recording(delete=_deletion(recorder), release=True)
    left = _seconds_left(job, now)
    if left <= 0 or (ours is not None and ours.exit_code in _HOPELESS):
        said = recorder.message if recorder and recorder.message else "it was not written in time"
        sentence = f"run.json does not tell of the job's end: {said}"
        event = warning("RecordNotWritten", sentence, "Record")
        return Recording(delete=_deletion(recorder), release=True, event=event)
    if recorder is None:
        return Recording(create=recorder_pod(job, context, left), after=LOOK_AGAIN_SECONDS)
    if ours is None or ours.ended:
        return _removal(recorder)
    return Recording(after=min(LOOK_AGAIN_SECONDS, left))


def _of_a_suspension(job: TrainingJob, observed: Observed, context: Context) -> Recording:
    """What has not run has no record to be corrected."""
    recorder = observed.recorder
    if job.status.attempt == 0:
        return Recording()
    if recorder is None:
        return Recording(create=recorder_pod(job, context, RECORD_SECONDS))
    return Recording() if recorder.recorded == _recorded(job) else _removal(recorder)


def _removal(recorder: RecorderView | None) -> Recording:
    """One that has nothing to say any more goes, so that another can have its name."""
    if recorder is None:
        return Recording()
    return Recording(delete=_deletion(recorder), after=LOOK_AGAIN_SECONDS)


def _deletion(recorder: RecorderView | None) -> Deletion | None:
    if recorder is None or recorder.deleting:
        return None
    return Deletion(recorder.key.name, recorder.uid)


def _recorded(job: TrainingJob) -> str:
    """Of which end the recorder speaks: a suspended job may be canceled."""
    return f"{job.status.phase}-{job.status.attempt}"


def _seconds_left(job: TrainingJob, now: datetime) -> float:
    ended = job.status.completion_time or now
    end = ended + timedelta(seconds=RECORD_SECONDS)
    if job.metadata.deletion_timestamp is not None:
        end = min(end, max(ended, job.metadata.deletion_timestamp) + timedelta(seconds=DELETION_SECONDS))
    return (end - now).total_seconds()


def said_by_agent(job: TrainingJob, observed: Observed) -> bool:
    """Whether the only agent has itself written what the status says: a job of one pod that completed."""
    status = job.status
    if status.phase != Phase.COMPLETED or status.run is None or sum(r.desired for r in status.replicas.values()) != 1:
        return False
    reports = [p.agent.report() for p in (*observed.pods, *observed.gone) if p.attempt == status.attempt]
    return any(
        report.get("record") == Phase.COMPLETED
        and report.get("complete") is True
        and report.get("manifestDigest") == status.run.manifest_digest
        for report in reports
    )


def recorder_pod(job: TrainingJob, context: Context, seconds: float) -> Mapping[str, Any]:
    """The manifest of the pod; it tries for so many seconds."""
    name, template = job.metadata.name, job.spec.pod_template
    told = {**verdict(job, context), "seconds": int(seconds)}
    secret = store_of(job, context).secret_name
    values = {
        contract.ENV_RECORD: as_variable(told),
        contract.ENV_TERMINATION_LOG: contract.DEFAULT_TERMINATION_LOG,
        **contract.AGENT_SETTINGS,
    }
    container: dict[str, Any] = {
        **context.runtime.container(CONTAINER_RECORD, "python3", "-m", "footplate_runtime.record"),
        "env": [{"name": key, "value": value} for key, value in values.items()],
        "resources": context.runtime.agent.as_json(),
        "securityContext": own_container(),
    }
    if secret:
        store_keys.take_keys(container, secret)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": naming.recorder_name(name),
            "namespace": job.metadata.namespace,
            "labels": {LABEL_MANAGED_BY: MANAGED_BY, LABEL_RECORDER: name, LABEL_RECORDED: _recorded(job)},
            "ownerReferences": [dict(naming.owner_reference(job))],
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": int(RECORD_SECONDS),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            **pulling(context.runtime.pull_secrets),
            "terminationGracePeriodSeconds": 5,
            "securityContext": pod_context(context.user),
            "containers": [container],
            **({"volumes": [store_keys.keys_volume(secret)]} if secret else {}),
        },
    }
    return merge_template(pod, template.metadata, {k: v for k, v in template.spec.items() if k in _OF_TEMPLATE})
