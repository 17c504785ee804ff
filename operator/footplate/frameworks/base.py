"""What a framework tells the rest: which replicas a job has, who decides it, and what the launcher needs."""

from __future__ import annotations

from collections.abc import Mapping

from footplate.api.training_job import TrainingJobSpec
from footplate.api.training_job_spec import Resources

WORKER = "worker"


class Framework:
    """One way of launching a program on the nodes of a job: `nodes` workers unless it says otherwise.

    Frameworks hold no state and do no I/O.
    """

    name: str
    """The field of spec.distribution that asks for it."""
    needs_keys = False
    """Whether its replicas talk to each other by a key and certificate of the job."""

    def roles(self, spec: TrainingJobSpec) -> Mapping[str, int]:
        """Replicas by role, in the order in which they are made; the primary's role comes first."""
        return {WORKER: spec.nodes}

    def primary_role(self, spec: TrainingJobSpec) -> str:
        """The role of the primary, whose index is 0."""
        return next(iter(self.roles(spec)))

    def decides(self, spec: TrainingJobSpec, role: str, index: int) -> bool:
        """Whether the job needs this replica's success; the others are stopped when all such have ended well."""
        return True

    def least(self, spec: TrainingJobSpec) -> int:
        """With how many replicas an attempt goes on; fewer than all: any but the primary may be lost meanwhile."""
        return sum(self.roles(spec).values())

    def resources(self, spec: TrainingJobSpec, role: str) -> Resources:
        """What each replica of the role needs."""
        return spec.resources

    def launch(self, spec: TrainingJobSpec, port: int) -> Mapping[str, object]:
        """`distribution` of launch.json; `port` is the job's own. Its size does not grow with the replicas."""
        raise NotImplementedError


def gpus(framework: Framework, spec: TrainingJobSpec) -> int:
    """GPUs of all replicas together."""
    return sum(count * framework.resources(spec, role).gpu for role, count in framework.roles(spec).items())
