"""Many workers of one job: processes that find each other through the launcher and do a ring allreduce.

How long a gang takes to start is measured by benchmarks/gang.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from local_cluster import CORE, LocalCluster

PROGRAM = Path(__file__).parents[3] / "benchmarks" / "programs" / "allreduce.py"
SECONDS = 180.0  # what takes 10 to 15 on two free cores
WRITES = 12  # of the API server for each worker: its pod, its binding, the states it goes through, its deletion


@pytest.mark.parametrize("workers", [16, 64])
def test_a_gang_starts_and_all_workers_take_part(local_cluster: LocalCluster, workers: int) -> None:
    before = version(local_cluster)
    name = local_cluster.start(PROGRAM.read_text(), nodes=workers, distribution={"jax": {}})
    status = local_cluster.phase(name, "Completed", seconds=SECONDS)
    writes = version(local_cluster) - before

    assert status["replicas"] == {"worker": {"desired": workers, "running": 0, "succeeded": workers, "failed": 0}}
    assert [attempt["reason"] for attempt in status["attempts"]] == ["Completed"]
    ranks = workers * (workers - 1) // 2
    total = workers * ranks + workers * ranks  # of all columns
    run = local_cluster.run_dir(name)
    for index in range(workers):
        said = (run / f"logs/1/worker-{index}.log").read_text()
        assert said.startswith(f"rank {index} of {workers}: sum {total}, "), said
        outputs = run / "outputs" if index == 0 else run / f"ranks/worker-{index}/outputs"
        assert (outputs / "sum.txt").read_text() == f"{total}\n"
    assert json.loads((run / "manifest.json").read_text())["complete"] is True
    assert writes < WRITES * workers + 30, "proportional to the workers, whatever comes beside"


def version(cluster: LocalCluster) -> int:
    """The number of the API server's latest write."""
    return int(cluster.request("GET", f"{CORE}/configmaps?limit=1")["metadata"]["resourceVersion"])
