"""JAX for real: jax.distributed.initialize() without arguments, and a gradient over the devices of two nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from framework_environment import EXAMPLES, cluster_with_environment
from local_cluster import LocalCluster
from run_files import history, log, outputs, report

NAME = "jax"
SECONDS = 180.0  # what takes 10 on two free cores

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with cluster_with_environment(NAME, tmp_path_factory) as found:
        yield found


def test_the_example_trains_on_two_nodes(cluster: LocalCluster) -> None:
    applied = cluster.kubectl("apply", "-k", str(EXAMPLES / NAME))
    assert applied.returncode == 0, applied.stderr
    status = cluster.phase(NAME, "Completed", seconds=SECONDS)
    run = cluster.run_dir(NAME)
    assert status["replicas"] == {"worker": {"desired": 2, "running": 0, "succeeded": 2, "failed": 0}}
    assert [f"process {n} of 2, 1 of 2 devices" in log(run, f"worker-{n}") for n in (0, 1)] == [True, True]
    told = report(run)
    assert (told["processes"], told["devices"], told["images_of_each"]) == (2, 2, 32)
    loss, accuracy = history(run, "loss"), history(run, "accuracy")
    assert loss[0] - loss[-1] > 0.5, loss
    assert accuracy[-1] > 0.8, accuracy
    assert not (run / "metrics/1/worker-1.jsonl").exists(), "process 0 alone logs"
    assert outputs(run) == ["outputs/report.json", "outputs/weights.npz"]


def test_one_node_is_a_group_of_one(cluster: LocalCluster) -> None:
    """The pod has no host name for others, and must not wait for one."""
    name = cluster.start(
        (EXAMPLES / NAME / "train.py").read_text(),
        image=None,
        environment={"name": NAME},
        parameters={"epochs": 1},
        distribution={"jax": {}},
    )
    cluster.phase(name, "Completed", seconds=SECONDS)
    assert report(cluster.run_dir(name))["processes"] == 1
