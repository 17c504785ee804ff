"""JAX: one process a node, which finds the others through the coordinator on worker 0 (JAX: jax.distributed)."""

from __future__ import annotations

from collections.abc import Mapping

from footplate.api.training_job import TrainingJobSpec
from footplate.frameworks.base import Framework


class Jax(Framework):
    """`nodes` workers; `jax.distributed.initialize()` without arguments takes what is set here.

    JAX reads the coordinator's address from a variable of its own, but the number of processes and its place among
    them only from a cluster that it knows (jax: _src/clusters). Of those Slurm's is told by variables alone, and is
    looked for before Kubernetes, for which JAX would need the rights to read Jobs and pods.
    """

    name = "jax"

    def launch(self, spec: TrainingJobSpec, port: int) -> Mapping[str, object]:
        alone = spec.nodes == 1  # a pod that is alone has no host name
        variables = {
            "JAX_COORDINATOR_ADDRESS": f"{'127.0.0.1' if alone else '{primary}'}:{port}",
            "JAX_NUM_PROCESSES": str(spec.nodes),
            "JAX_PROCESS_ID": "{index}",
            "SLURM_JOB_ID": str(port),
            "SLURM_STEP_NODELIST": "localhost" if alone else "{primary}",
            "SLURM_NTASKS": str(spec.nodes),
            "SLURM_PROCID": "{index}",
            "SLURM_LOCALID": "0",
            "RANK": "{index}",
            "WORLD_SIZE": str(spec.nodes),
            "LOCAL_RANK": "0",
        }
        if spec.resources.gpu:  # or else a process would take but the one that SLURM_LOCALID names
            variables["JAX_LOCAL_DEVICE_IDS"] = ",".join(str(gpu) for gpu in range(spec.resources.gpu))
        return {"framework": "plain", "variables": variables}
