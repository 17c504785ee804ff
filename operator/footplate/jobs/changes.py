"""What one write of a job's status tells beyond the status itself: spans of time, ends, retries. Pure.

All of it follows from the two statuses, so whoever writes knows it without having been there when the phase began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from footplate.api.conditions import OUTPUTS_PERSISTED, get_condition
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob, TrainingJobStatus
from footplate.api.training_job_status import RetryCounts
from footplate.jobs.job_view import JobView

TIMED = (Phase.PREPARING, Phase.QUEUED, Phase.SCALING, Phase.RUNNING, Phase.FINALIZING)


class JobObserver(Protocol):
    """Hears of each status that the API server has taken from us; the metrics are one."""

    def written(self, job: TrainingJob, status: TrainingJobStatus) -> None:
        """`status` has replaced that of `job`."""
        ...

    def refused(self, view: JobView) -> None:
        """A job that cannot be read is now Failed, InvalidSpec."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """A time that a job has spent in a phase, and that is over."""

    phase: Phase
    seconds: float


def spans(job: TrainingJob, status: TrainingJobStatus) -> Sequence[Span]:
    """The phases that ended with this write, oldest first; none when the phase stays as it is.

    Preparing begins with the job's creation. Running begins when all programs ran by the nodes' word, whenever we
    saw it: the time from there on of a program that had ended when we first looked is Running, too. Of a status
    that does not say when its phase began nothing is known.
    """
    before, end = job.status, status.phase_time
    phase = before.phase or Phase.PREPARING
    begin = before.phase_time if before.phase else job.metadata.creation_timestamp
    if status.phase in (before.phase, phase) or phase not in TIMED or begin is None or end is None:
        return ()
    ran_from = status.attempts[-1].start_time if status.attempts else None
    if phase == Phase.RUNNING:
        return [_span(phase, min(begin, ran_from or begin), end)]
    if phase == Phase.SCALING and ran_from is not None and begin <= ran_from:
        ran = [] if status.phase == Phase.RUNNING else [_span(Phase.RUNNING, ran_from, end)]
        return [_span(phase, begin, ran_from), *ran]
    return [_span(phase, begin, end)]


def _span(phase: Phase, begin: datetime, end: datetime) -> Span:
    """The times come from several machines."""
    return Span(phase, max(0.0, (end - begin).total_seconds()))


def finished(before: TrainingJobStatus, after: TrainingJobStatus) -> bool:
    """The job has come to its end with this write."""
    was = before.phase is not None and before.phase.terminal
    return after.phase is not None and after.phase.terminal and not was


def outputs_missing(status: TrainingJobStatus) -> bool:
    """Some output is known not to be in the store."""
    persisted = get_condition(status.conditions, OUTPUTS_PERSISTED)
    return persisted is not None and persisted.status == "False"


def ended_attempts(before: TrainingJobStatus, after: TrainingJobStatus) -> Sequence[str]:
    """The reasons of the attempts that were closed with this write."""
    closed = {a.number for a in before.attempts if a.end_time is not None}
    return [a.reason or "" for a in after.attempts if a.end_time is not None and a.number not in closed]


def retries(before: TrainingJobStatus, after: TrainingJobStatus) -> Mapping[str, int]:
    """How much of each budget of spec.retry was spent with this write."""
    had, has = before.retries or RetryCounts(), after.retries or RetryCounts()
    spent = {"user": has.user - had.user, "infrastructure": has.infrastructure - had.infrastructure}
    return {budget: count for budget, count in spent.items() if count > 0}
