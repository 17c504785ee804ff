"""The phases of a TrainingJob: what a user reads first. They report; they never drive."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where a job is in its life."""

    PREPARING = "Preparing"  # the environment is building, the source or the inputs are being resolved
    QUEUED = "Queued"  # waiting for its pool
    SCALING = "Scaling"  # admitted; nodes are coming, pods are being scheduled, images pulled
    RUNNING = "Running"  # all replicas of the attempt run
    FINALIZING = "Finalizing"  # the program ended; the agents upload the rest
    COMPLETED = "Completed"  # exit 0, and every output is in the store
    FAILED = "Failed"  # budgets spent, or a permanent error
    CANCELED = "Canceled"  # spec.cancel
    SUSPENDED = "Suspended"  # spec.suspend

    @property
    def terminal(self) -> bool:
        """The job will never run again."""
        return self in (Phase.COMPLETED, Phase.FAILED, Phase.CANCELED)
