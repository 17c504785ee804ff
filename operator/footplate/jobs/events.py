"""What a person is told of a job, from what one write of its status changes. Pure.

A status is written once, so each event is recorded once, however often the operator is started again; one that dies
between the write and the event leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from footplate.api.conditions import NOT_RESPONDING, OUTPUTS_PERSISTED, get_condition
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJobStatus
from footplate.api.training_job_status import Attempt, LostReplica
from footplate.events import Event, warning
from footplate.jobs.diagnosis import Cause
from footplate.jobs.text import plural

STALLED = frozenset({"NameTaken", "Forbidden", "ApiServerError"})  # jobs/plan.stalled, in whatever phase
_WAITS = frozenset({Phase.PREPARING, Phase.QUEUED, Phase.SCALING})
# Told in other words: that pods were made, and why the attempt before ended.
_SILENT = frozenset({"PodsStarting", "Restarting"})
_IN_ORDER = frozenset({"EnvironmentBuilding", "FetchingInputs"})
# What someone asked for, or what is right. Any other reason of Finalizing is why the attempt fails.
FINALIZING: Mapping[str, str] = {
    "UploadingOutputs": "Upload",
    "StoppingReplicas": "Stop",
    "Canceling": "Stop",
    "Suspending": "Stop",
    "Deleting": "Stop",
}


def events_of(before: TrainingJobStatus, after: TrainingJobStatus) -> Sequence[Event]:
    """In the order in which it happened."""
    found = [*_losses(before, after), *_made(before, after)]
    if (before.phase, before.reason) != (after.phase, after.reason):
        found += _waiting(after) or _running(before, after) or _finalizing(before, after)
    return [*found, *_silence(before, after), *_ended(before, after), *_outputs(before, after)]


def _waiting(after: TrainingJobStatus) -> list[Event]:
    """Why it does not go on."""
    reason = after.reason or ""
    waits = after.phase in _WAITS and reason not in _SILENT
    if not waits and reason not in STALLED:
        return []
    calm = reason in _IN_ORDER or after.phase == Phase.QUEUED
    return [Event(reason, _first_line(after.message), "Wait", warning=not calm)]


def _made(before: TrainingJobStatus, after: TrainingJobStatus) -> Iterator[Event]:
    """A new attempt: its pods are made before the status tells of it."""
    known = {attempt.number for attempt in before.attempts}
    for attempt in after.attempts:
        if attempt.number in known:
            continue
        counts = [(role, count.desired) for role, count in after.replicas.items() if count.desired]
        total = plural(sum(number for _, number in counts), "replica")
        roles = f" ({', '.join(f'{number} {role}' for role, number in counts)})" if len(counts) > 1 else ""
        reason = "Resumed" if before.phase == Phase.SUSPENDED else "PodsCreated"
        yield Event(reason, f"attempt {attempt.number}: made the pods of {total}{roles}", "Start")


def _running(before: TrainingJobStatus, after: TrainingJobStatus) -> list[Event]:
    """A running attempt becomes one with fewer by a loss, which is told as that."""
    lost = after.reason == "RunningWithFewer" and before.phase == Phase.RUNNING
    if after.phase != Phase.RUNNING or lost:
        return []
    return [Event(after.reason or "", f"attempt {after.attempt}: {_first_line(after.message)}", "Run")]


def _finalizing(before: TrainingJobStatus, after: TrainingJobStatus) -> list[Event]:
    """Told once: what is left to upload changes all the time."""
    if after.phase != Phase.FINALIZING or before.phase == Phase.FINALIZING:
        return []
    reason, said = after.reason or "", _first_line(after.message)
    if reason in FINALIZING:
        return [Event(reason, said, FINALIZING[reason])]
    return [Event("StoppingReplicas", f"the attempt has failed, its replicas are stopped: {said}", "Stop")]


def _losses(before: TrainingJobStatus, after: TrainingJobStatus) -> Iterator[Event]:
    """Of an elastic attempt: replicas that it goes on without, and those that took their places."""
    known = {loss.replica: loss for loss in _lost(before)}
    for loss in _lost(after):
        earlier = known.get(loss.replica)
        if earlier is None or earlier.times != loss.times:
            yield warning(loss.reason, loss.message, "Replace" if loss.replaced else "GoOn")
        elif earlier.replacement_uid is None and loss.replacement_uid is not None:
            yield Event("ReplicaReplaced", f"{loss.replica} has a new pod", "Replace")


def _lost(status: TrainingJobStatus) -> Sequence[LostReplica]:
    return (status.attempts[-1].lost or ()) if status.attempts else ()


def _silence(before: TrainingJobStatus, after: TrainingJobStatus) -> Iterator[Event]:
    was = get_condition(before.conditions, NOT_RESPONDING)
    now = get_condition(after.conditions, NOT_RESPONDING)
    silent = was is not None and was.status == "True"
    if now is None or silent == (now.status == "True"):
        return
    if not silent:
        yield warning(Cause.NOT_RESPONDING.value, now.message, "Watch")
    elif now.reason == "Progressing":
        yield Event(now.reason, "the program writes again", "Watch")


def _ended(before: TrainingJobStatus, after: TrainingJobStatus) -> Iterator[Event]:
    """The end of an attempt that another follows, or of the job."""
    said = _first_line(after.message)
    ends = after.phase is not None and after.phase.terminal
    if ends and after.phase != before.phase:
        yield Event(after.reason or "", said, "Finish", warning=after.phase == Phase.FAILED, last=True)
    elif after.phase == Phase.SUSPENDED and before.phase != Phase.SUSPENDED:
        yield Event(after.reason or "", said, "Suspend")
    elif not ends:
        for attempt in _closed(before, after):
            yield warning(attempt.reason or "", said, "Restart")


def _closed(before: TrainingJobStatus, after: TrainingJobStatus) -> Sequence[Attempt]:
    over = {attempt.number for attempt in before.attempts if attempt.end_time is not None}
    return [attempt for attempt in after.attempts if attempt.end_time is not None and attempt.number not in over]


def _outputs(before: TrainingJobStatus, after: TrainingJobStatus) -> Iterator[Event]:
    """Files that are not in the store, unless that is what the attempt failed of, which has been told."""
    was = get_condition(before.conditions, OUTPUTS_PERSISTED)
    now = get_condition(after.conditions, OUTPUTS_PERSISTED)
    missing = now is not None and now.status == "False" and (was is None or was.status != "False")
    failed_of_it = any(a.reason == Cause.OUTPUT_UPLOAD_FAILED for a in _closed(before, after))
    if now is not None and missing and not failed_of_it:
        yield warning("OutputsIncomplete", now.message, "Upload")


def _first_line(message: str | None) -> str:
    """What follows are a program's last lines."""
    return (message or "").partition("\n")[0]
