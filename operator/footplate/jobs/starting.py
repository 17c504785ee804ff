"""Whether an attempt has given up hope that all of its replicas run. Pure."""

from __future__ import annotations

from footplate.api.training_job_status import Attempt
from footplate.jobs import deadline
from footplate.jobs.blame import first_failure
from footplate.jobs.diagnosis import Cause, Diagnosis, cut
from footplate.jobs.naming import Replica
from footplate.jobs.scene import Scene
from footplate.jobs.waiting import Waiting, waiting


def never_started(scene: Scene) -> Diagnosis | None:
    """Why the attempt will never run whole; None while it may, or when a replica failed by itself before that.

    Once the others are being stopped, the cause is in the attempt's record and stays so: the room that they leave may
    let the last one start after all, and their own end is not the cause.
    """
    record = scene.record
    if record is not None and record.reason is not None:
        return _noted(record, Cause(record.reason))
    if scene.started() is not None or (record is not None and record.start_time is not None):
        return None
    itself = first_failure([p for p in scene.pods if p.stop_asked is None or p.disruption], scene.gone)
    if itself is not None and itself.time is None:
        return None
    stop = waiting(scene.existing, scene.observed.hindrances)
    if itself is None and stop is not None and stop.permanent:
        return _diagnosis(scene, stop, stop.message)
    until = itself.time if itself is not None and itself.time is not None else scene.now
    if deadline.start_timeout_in(scene.job, scene.pods, until) > 0:
        return None
    limit = f"not all replicas ran within startTimeoutSeconds ({scene.job.spec.start_timeout_seconds} s)"
    if stop is None:
        return Diagnosis(Cause.START_TIMEOUT, limit)
    return _diagnosis(scene, stop, f"{stop.message}; {limit}")


def _noted(record: Attempt, cause: Cause) -> Diagnosis:
    replica = Replica.parse(record.replica) if record.replica else None
    return Diagnosis(cause, record.message or "", replica, node=record.node or "")


def _diagnosis(scene: Scene, stop: Waiting, message: str) -> Diagnosis:
    node = next((p.node for p in scene.existing if p.replica == stop.replica), "")
    return Diagnosis(stop.cause, cut(message), stop.replica, node=node)
