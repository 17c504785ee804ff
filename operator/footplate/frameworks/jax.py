"""JAX: one process a node, which finds the others through the coordinator on worker 0 (JAX: jax.distributed)."""

from __future__ import annotations

from collections.abc import Mapping

from footplate.api.training_job import TrainingJobSpec
from footplate.frameworks.base import Framework


class Jax(Framework):
    """`nodes` workers; `jax.distributed.initialize()` without arguments takes what is set here."""

    name = "jax"

    def launch(self, spec: TrainingJobSpec, port: int) -> Mapping[str, object]:
        return {
            "framework": "plain",
            "variables": {
                "JAX_COORDINATOR_ADDRESS": f"{{primary}}:{port}",
                "JAX_NUM_PROCESSES": str(spec.nodes),
                "JAX_PROCESS_ID": "{index}",
                "RANK": "{index}",
                "WORLD_SIZE": str(spec.nodes),
                "LOCAL_RANK": "0",
            },
        }
