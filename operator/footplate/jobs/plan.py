"""What to do about a job now: a pure function of the job, what is seen of its pods, and the time.

The steps, in order; each either gives the plan or passes on:

1. A finished job is only cleaned up: its pods by policy, itself after its time to live.
2. An attempt that is open (its pods exist or its start is on record) is judged: it has succeeded, it has failed, it is
   to be stopped (cancel, suspend, timeout), it waits for something, or it runs. A failed attempt first stops its other
   replicas, so that all outputs reach the store, and is then *closed*: that is one write of the status and nothing
   else, so a crash before or after it loses nothing. A closed attempt is never reopened.
   A job that is being deleted is stopped like one that is canceled: its finalizer keeps it until its record is written.
3. Without an open attempt the next one is started: the environment must be ready and the pods of earlier attempts
   gone; then everything is created at once under names that contain the attempt's number. Creating twice is harmless.

The number of the current attempt is the larger of the status' and of the labels on the pods, so an operator
that died between creating pods and writing the status finds its pods again.
"""

from __future__ import annotations

from datetime import datetime

from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob, TrainingJobStatus
from footplate.frameworks import framework_of
from footplate.jobs import deadline
from footplate.jobs.context import Context
from footplate.jobs.diagnosis import Cause, Diagnosis
from footplate.jobs.judge import asked_to_stop, judge, stopped
from footplate.jobs.observe import Observed
from footplate.jobs.patterns import wrong_pattern
from footplate.jobs.recorder import with_recording
from footplate.jobs.references import unknown_reference
from footplate.jobs.scene import TERMINAL, Plan, deletions, fail, look, soonest, stuck_check
from footplate.jobs.start import start
from footplate.jobs.status import StatusEditor
from footplate.jobs.unsupported import unsupported


def plan(job: TrainingJob, observed: Observed, context: Context, now: datetime) -> Plan:
    """The next step of a job. Raises nothing: what cannot be done ends in a phase and a reason."""
    return with_recording(_plan(job, observed, context, now), job, observed, context, now)


def _plan(job: TrainingJob, observed: Observed, context: Context, now: datetime) -> Plan:
    if job.status.phase in TERMINAL:
        return _finished(job, observed, now)
    refusal = unsupported(job)
    if refusal:
        return fail(StatusEditor(job, now), Diagnosis(Cause.NOT_SUPPORTED, refusal))
    wrong = unknown_reference(job.spec) or wrong_pattern(job.spec)
    if wrong:
        return fail(StatusEditor(job, now), Diagnosis(Cause.INVALID_SPEC, wrong))
    scene = look(job, observed, context, now, framework_of(job.spec))
    if scene.open:
        return judge(scene)
    asked = asked_to_stop(job)
    return stopped(scene, asked) if asked else start(scene)


def _finished(job: TrainingJob, observed: Observed, now: datetime) -> Plan:
    """Clean up: pods that still run always, those that have ended by `cleanup.pods`; the job after its time to live."""
    status = job.status
    if status.observed_generation != job.metadata.generation:
        status = status.model_copy(update={"observed_generation": job.metadata.generation})
    ttl = deadline.ttl_in(job, now)
    if ttl is not None and ttl <= 0:
        return Plan(status, delete_job=True)
    policy = job.spec.cleanup.pods
    everything = policy == "Always" or (policy == "OnSuccess" and job.status.phase == Phase.COMPLETED)
    doomed = [p for p in observed.pods if everything or p.live]
    return Plan(status, delete=deletions(doomed, now), after=soonest(ttl, stuck_check(doomed)))


def failed(job: TrainingJob, failure: Diagnosis, now: datetime) -> TrainingJobStatus:
    """The status of a job that ends here without an attempt to close."""
    return fail(StatusEditor(job, now), failure, job.status.attempt).status


def stalled(job: TrainingJob, reason: str, message: str, now: datetime) -> TrainingJobStatus:
    """The present status with why the next step cannot be done; it is tried again."""
    phase = job.status.phase or Phase.SCALING
    return StatusEditor(job, now).phase(phase, reason, message).build()
