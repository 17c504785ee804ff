"""What a framework tells the rest: which replicas a job has, who decides it, and what the launcher needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from footplate.api.training_job import TrainingJobSpec

WORKER = "worker"


class Framework(Protocol):
    """One way of launching a program on the nodes of a job. Implementations hold no state and do no I/O."""

    name: str

    def roles(self, spec: TrainingJobSpec) -> Mapping[str, int]:
        """Replicas by role, in the order in which they are made; the first role's index 0 is the primary."""
        ...

    def deciding(self, spec: TrainingJobSpec) -> frozenset[str]:
        """The roles all of whose replicas must end with success for the job to be completed."""
        ...

    def launch(self, spec: TrainingJobSpec, port: int) -> Mapping[str, object]:
        """`distribution` of launch.json but for `framework` and `nodes`; `port` is free on the primary."""
        ...
