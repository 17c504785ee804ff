"""PyTorch: one torchrun a node (PyTorch: torchrun). The rendezvous is on worker 0."""

from __future__ import annotations

from collections.abc import Mapping

from footplate.api.training_job import TrainingJobSpec
from footplate.frameworks.base import Framework


class PyTorch(Framework):
    """`nodes` workers; every one of them must end with success."""

    name = "pytorch"

    def launch(self, spec: TrainingJobSpec, port: int) -> Mapping[str, object]:
        assert spec.distribution is not None
        pytorch = spec.distribution.pytorch
        assert pytorch is not None
        return {
            "framework": "pytorch",
            "nodes": spec.nodes,
            "processesPerNode": pytorch.processes_per_node,
            "backend": pytorch.backend or ("nccl" if spec.resources.gpu else "gloo"),
            "minNodes": pytorch.min_nodes,
            "port": port,
        }
