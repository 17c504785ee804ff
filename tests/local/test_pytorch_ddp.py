"""PyTorch's DistributedDataParallel for real: the example of two nodes, two processes on one, ranks that fail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from example_program import changed
from framework_environment import EXAMPLES, cluster_with_environment
from local_cluster import LocalCluster
from run_files import history, log, outputs, report

NAME = "pytorch-ddp"
EXAMPLE = EXAMPLES / NAME
SECONDS = 120.0  # what takes 10 to 20 on two free cores

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with cluster_with_environment(NAME, tmp_path_factory) as found:
        yield found


def start(cluster: LocalCluster, code: str, nodes: int, processes: int, **spec: Any) -> str:
    """The example's program, or one made from it, on as many nodes and processes."""
    return cluster.start(
        code,
        image=None,
        environment={"name": NAME},
        nodes=nodes,
        distribution={"pytorch": {"processesPerNode": processes, "backend": "gloo"}},
        **spec,
    )


def test_the_example_trains_on_two_nodes(cluster: LocalCluster) -> None:
    applied = cluster.kubectl("apply", "-k", str(EXAMPLE))
    assert applied.returncode == 0, applied.stderr
    cluster.phase(NAME, "Running", seconds=SECONDS)
    pods = cluster.pods(NAME)
    assert sorted(p["spec"]["hostname"] for p in pods) == ["worker-0", "worker-1"]
    assert len({p["status"]["podIP"] for p in pods}) == 2

    status = cluster.phase(NAME, "Completed", seconds=SECONDS)
    run = cluster.run_dir(NAME)
    assert status["replicas"] == {"worker": {"desired": 2, "running": 0, "succeeded": 2, "failed": 0}}
    told = report(run)
    assert (told["world_size"], told["ranks"], told["epochs"]) == (2, [0, 1], 5)
    assert told["images_per_epoch"] >= 1437, "the ranks share all images of the training set"
    assert "rank 0 of 2" in log(run, "worker-0")
    assert "rank 1 of 2" in log(run, "worker-1")

    loss, accuracy = history(run, "loss"), history(run, "accuracy")
    assert len(loss) == len(accuracy) == 5
    assert loss[0] - loss[-1] > 1, loss
    assert accuracy[-1] > 0.85, accuracy
    assert status["metrics"]["loss"]["value"] == pytest.approx(loss[-1])
    assert (status["metrics"]["accuracy"]["value"], status["metrics"]["accuracy"]["step"]) == (accuracy[-1], 5)
    assert not (run / "metrics/1/worker-1.jsonl").exists(), "rank 0 alone logs"

    stored = outputs(run)
    assert stored == ["outputs/checkpoint.pt", "outputs/report.json"]
    manifest = json.loads((run / "manifest.json").read_text())
    assert sorted(entry["path"] for entry in manifest["files"]) == stored
    assert manifest["complete"] is True


def test_two_processes_on_one_node(cluster: LocalCluster) -> None:
    code = (EXAMPLE / "train.py").read_text()
    name = start(cluster, code, nodes=1, processes=2, parameters={"epochs": 2})
    status = cluster.phase(name, "Completed", seconds=SECONDS)
    run = cluster.run_dir(name)
    assert (report(run)["world_size"], report(run)["ranks"]) == (2, [0, 1])
    said = re.findall(r"rank \d of 2", log(run, "worker-0"))  # both write to one pipe: a line may hold both
    assert sorted(said) == ["rank 0 of 2", "rank 1 of 2"]
    assert status["metrics"]["loss"]["step"] == 2
    assert status["replicas"]["worker"]["desired"] == 1


def test_a_rank_that_raises_is_the_cause_and_the_other_is_stopped(cluster: LocalCluster) -> None:
    code = changed(
        NAME, "sampler.set_epoch", "if epoch == 2 and rank == 1:\n    raise ValueError('image 17 is upside down')"
    )
    name = start(cluster, code, nodes=2, processes=1)
    status = cluster.phase(name, "Failed", seconds=SECONDS)
    assert status["reason"] == "UserError"
    first_line = status["message"].splitlines()[0]
    assert first_line == "worker-1 exited with code 1: ValueError: image 17 is upside down", cluster.report(name)
    assert (status["attempts"][0]["replica"], status["attempts"][0]["exitCode"]) == ("worker-1", 1)
    failed = next(p for p in cluster.pods(name) if p["metadata"]["name"] == f"{name}-1-worker-1")
    after = datetime.fromisoformat(status["completionTime"]) - train_ended(failed)
    assert after.total_seconds() < 15, "on its own, worker 0 would wait for half an hour"
    assert history(cluster.run_dir(name), "loss"), "what was logged before the end is kept"
    assert (cluster.run_dir(name) / "outputs/checkpoint.pt").exists()


def test_the_next_attempt_goes_on_from_the_checkpoint(cluster: LocalCluster) -> None:
    """A rank is killed in the third epoch: what rank 0 wrote after the second is where both go on."""
    code = changed(
        NAME,
        "sampler.set_epoch",
        "if epoch == 3 and rank == 1 and not os.environ.get('FOOTPLATE_RESUME'):\n    os.kill(os.getpid(), 9)",
    )
    name = start(cluster, code, nodes=2, processes=1, retry={"user": 1})
    status = cluster.phase(name, "Completed", seconds=SECONDS)
    run = cluster.run_dir(name)
    first, second = status["attempts"]
    assert (first["reason"], first["replica"]) == ("Signal", "worker-1"), cluster.report(name)
    assert second["resumed"]["files"] == 1
    for rank in (0, 1):
        assert f"rank {rank} goes on after epoch 2" in log(run, f"worker-{rank}", 2)
    before, after = history(run, "loss", attempt=1), history(run, "loss", attempt=2)
    assert (len(before), len(after)) == (2, 3)
    assert after[0] < before[-1] < before[0], "it learned on, it did not begin again"
    assert outputs(run) == ["outputs/checkpoint.pt", "outputs/report.json"], "worker-1's copy is not its own output"


def train_ended(pod: dict[str, Any]) -> datetime:
    train = next(c for c in pod["status"]["containerStatuses"] if c["name"] == "train")
    return datetime.fromisoformat(train["state"]["terminated"]["finishedAt"])


def test_a_restart_at_once_meets_on_the_same_port(cluster: LocalCluster) -> None:
    at_once = "print('port', os.environ['MASTER_PORT'], flush=True)\n"
    at_once += "if os.environ['FOOTPLATE_ATTEMPT'] == '1' and rank == 1:\n    raise SystemExit(75)"
    code = changed(NAME, "torch.manual_seed(SEED)", at_once)
    name = start(cluster, code, nodes=2, processes=1, parameters={"epochs": 1}, retry={"user": 1})
    status = cluster.phase(name, "Completed", seconds=SECONDS)
    ends = [(a["number"], a["reason"]) for a in status["attempts"]]
    assert ends == [(1, "UserError"), (2, "Completed")]
    run = cluster.run_dir(name)
    ports = [line for n in (1, 2) for line in log(run, "worker-0", n).splitlines() if line.startswith("port ")]
    assert len(ports) == 2
    assert len(set(ports)) == 1
    assert report(run)["ranks"] == [0, 1]
