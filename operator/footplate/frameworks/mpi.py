"""MPI: one mpirun over all nodes, on worker 0; the launcher of every worker is its launch agent, by TLS."""

from __future__ import annotations

from collections.abc import Mapping

from footplate.api.training_job import TrainingJobSpec
from footplate.frameworks.base import Framework


class Mpi(Framework):
    """`nodes` workers. Those that only wait for mpirun's daemons end with 0 when worker 0 says that it is over."""

    name = "mpi"
    needs_keys = True

    def launch(self, spec: TrainingJobSpec, port: int) -> Mapping[str, object]:
        assert spec.distribution is not None
        mpi = spec.distribution.mpi
        assert mpi is not None
        return {
            "framework": "mpi",
            "nodes": spec.nodes,
            "processesPerNode": mpi.processes_per_node,
            "implementation": mpi.implementation,
            "args": list(mpi.args),
            "port": port,
        }
