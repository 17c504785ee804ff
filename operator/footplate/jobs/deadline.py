"""Deadlines of a job. They start at the first real start, never while the job is queued or suspended. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from footplate.api.training_job import TrainingJob
from footplate.api.training_job_status import Attempt
from footplate.jobs.observe import PodView

STUCK_MARGIN = timedelta(seconds=30)  # beyond the grace period, before a pod on a dead node is force-deleted


def running_seconds(attempts: Sequence[Attempt], earlier: float, now: datetime) -> float:
    """Seconds that the job's programs have run: those of the attempts kept, and `earlier` of those forgotten."""
    total = earlier
    for attempt in attempts:
        if attempt.start_time is not None:
            total += ((attempt.end_time or now) - attempt.start_time).total_seconds()
    return total


def timeout_in(job: TrainingJob, now: datetime) -> float:
    """Seconds from `now`, until which the programs have run, to the end of timeoutSeconds; negative when it is over."""
    return job.spec.timeout_seconds - running_seconds(job.status.attempts, job.status.earlier_running_seconds, now)


def start_timeout_in(job: TrainingJob, pods: Sequence[PodView], now: datetime) -> float:
    """Seconds until startTimeoutSeconds after the first pod of the attempt was made is over."""
    first = min((pod.created for pod in pods), default=now)
    return job.spec.start_timeout_seconds - (now - first).total_seconds()


def stuck(pod: PodView, now: datetime) -> bool:
    """Deleted, and still there well after its grace period: its node is dead (Kubernetes: Force deletion)."""
    return pod.deletion_time is not None and now > pod.deletion_time + STUCK_MARGIN


def ttl_in(job: TrainingJob, now: datetime) -> float | None:
    """Seconds until a finished job is to be deleted; None when it stays."""
    ttl, completed = job.spec.ttl_seconds_after_finished, job.status.completion_time
    if ttl is None or completed is None:
        return None
    return ttl - (now - completed).total_seconds()
