"""Horovod for real: compiled by the builder against TensorFlow and Open MPI, two nodes, gradients averaged over MPI."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from framework_environment import EXAMPLES, cluster_with_environment
from local_cluster import LocalCluster
from run_files import history, log, outputs, report

NAME = "horovod-tensorflow"
SECONDS = 600.0  # what takes 30 on two free cores
BUILD_SECONDS = 3600.0  # it is compiled: 10 minutes on two free cores

pytestmark = [pytest.mark.frameworks, pytest.mark.slow_build(NAME)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    if not shutil.which("g++"):
        pytest.skip("Horovod is compiled, and there is no C++ compiler (g++) on this machine")
    with cluster_with_environment(NAME, tmp_path_factory, BUILD_SECONDS) as found:
        yield found


def test_it_learns_on_two_nodes(cluster: LocalCluster) -> None:
    done = cluster.footplate("run", str(EXAMPLES / NAME), seconds=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    run = cluster.run_dir(NAME)
    told = report(run)
    assert (told["world_size"], told["hosts"]) == (2, ["worker-0", "worker-1"])
    assert all(f"rank {rank} of 2 on worker-{rank}" in log(run, "worker-0") for rank in (0, 1)), "mpirun has both"

    loss, accuracy = history(run, "loss"), history(run, "accuracy")
    assert len(loss) == len(accuracy) == 5
    assert loss[0] - loss[-1] > 0.5, loss
    assert accuracy[-1] > 0.85, accuracy
    assert outputs(run) == ["outputs/report.json", "outputs/weights.h5"]
    status = cluster.status(NAME)
    assert status["replicas"] == {"worker": {"desired": 2, "running": 0, "succeeded": 2, "failed": 0}}
    assert status["metrics"]["accuracy"]["step"] == 5
