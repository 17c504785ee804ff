"""ChainerMN for real: Chainer's MNIST example on two nodes, over the MPI of its environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from framework_environment import EXAMPLES, cluster_with_environment
from local_cluster import LocalCluster
from run_files import history, log, outputs, report

NAME = "chainer-mnist-style"
SECONDS = 300.0  # what takes 10 on two free cores

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with cluster_with_environment(NAME, tmp_path_factory) as found:
        yield found


def test_it_learns_on_two_nodes(cluster: LocalCluster) -> None:
    done = cluster.footplate("run", str(EXAMPLES / NAME), seconds=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    run = cluster.run_dir(NAME)
    told = report(run)
    assert (told["world_size"], told["hosts"]) == (2, ["worker-0", "worker-1"])
    assert sum(told["images_of_ranks"]) >= 1437, "the ranks share all images of the training set"
    assert all(f"rank {rank} of 2 on worker-{rank}" in log(run, "worker-0") for rank in (0, 1)), "mpirun has both"

    loss, accuracy = history(run, "loss"), history(run, "accuracy")
    assert len(loss) == len(accuracy) == 10
    assert loss[0] - loss[-1] > 1, loss
    assert accuracy[-1] > 0.9, accuracy
    assert outputs(run) == ["outputs/log", "outputs/model.npz", "outputs/report.json"]
    latest = cluster.status(NAME)["metrics"]["accuracy"]
    assert (latest["value"], latest["step"]) == (pytest.approx(accuracy[-1]), 10)
