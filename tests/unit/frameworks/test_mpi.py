from __future__ import annotations

from job_factory import make_job

from footplate.frameworks import framework_of


def test_what_the_launcher_is_told() -> None:
    mpi = {"processesPerNode": 2, "implementation": "MPICH", "args": ["-bind-to", "core"]}
    spec = make_job(nodes=3, distribution={"mpi": mpi}).spec
    assert framework_of(spec).launch(spec, 23456) == {
        "framework": "mpi",
        "nodes": 3,
        "processesPerNode": 2,
        "implementation": "MPICH",
        "args": ["-bind-to", "core"],
        "port": 23456,
    }


def test_every_worker_decides_for_the_others_end_when_mpirun_has() -> None:
    spec = make_job(nodes=3, distribution={"mpi": {}}).spec
    framework = framework_of(spec)
    assert all(framework.decides(spec, "worker", index) for index in range(3))
    assert framework.needs_keys
