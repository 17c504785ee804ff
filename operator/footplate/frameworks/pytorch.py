"""PyTorch: one torchrun a node (PyTorch: torchrun). The rendezvous is on worker 0."""

from __future__ import annotations

from collections.abc import Mapping

from footplate.api.training_job import TrainingJobSpec
from footplate.api.training_job_spec import PyTorch as Distribution
from footplate.frameworks.base import Framework


class PyTorch(Framework):
    """`nodes` workers; every one of them must end with success. With `minNodes` below `nodes` it is elastic."""

    name = "pytorch"

    def least(self, spec: TrainingJobSpec) -> int:
        return _of(spec).min_nodes or spec.nodes

    def launch(self, spec: TrainingJobSpec, port: int) -> Mapping[str, object]:
        pytorch = _of(spec)
        return {
            "framework": "pytorch",
            "nodes": spec.nodes,
            "processesPerNode": pytorch.processes_per_node,
            "backend": pytorch.backend or ("nccl" if spec.resources.gpu else "gloo"),
            "minNodes": pytorch.min_nodes,
            "maxRestarts": self._max_restarts(spec),
            "port": port,
        }

    def _max_restarts(self, spec: TrainingJobSpec) -> int:
        """How often torchrun starts the processes of a node again; it counts alike what ends them.

        Workers can be lost as often as the budgets replace one, and `nodes - minNodes` times more. The processes of
        the others may fail twice each time: when the worker goes, and when the one that replaces it joins.
        """
        spare = spec.nodes - self.least(spec)
        return 2 * (spec.retry.infrastructure + spec.retry.user + spare) if spare else 0


def _of(spec: TrainingJobSpec) -> Distribution:
    assert spec.distribution is not None
    assert spec.distribution.pytorch is not None
    return spec.distribution.pytorch
