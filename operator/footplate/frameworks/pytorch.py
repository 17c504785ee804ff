"""PyTorch: one torchrun a node (PyTorch: torchrun). The rendezvous is on worker 0."""

from __future__ import annotations

from collections.abc import Mapping

from footplate.api.training_job import TrainingJobSpec
from footplate.frameworks.base import WORKER


class PyTorch:
    """`nodes` workers; every one of them must end with success."""

    name = "pytorch"

    def roles(self, spec: TrainingJobSpec) -> Mapping[str, int]:
        return {WORKER: spec.nodes}

    def deciding(self, spec: TrainingJobSpec) -> frozenset[str]:
        return frozenset({WORKER})

    def launch(self, spec: TrainingJobSpec, port: int) -> Mapping[str, object]:
        assert spec.distribution is not None
        pytorch = spec.distribution.pytorch
        assert pytorch is not None
        return {
            "processesPerNode": pytorch.processes_per_node,
            "backend": pytorch.backend or ("nccl" if spec.resources.gpu else "gloo"),
            "minNodes": pytorch.min_nodes,
            "port": port,
        }
