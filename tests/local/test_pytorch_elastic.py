"""Elastic PyTorch for real: the example with three nodes, one of which is killed and comes back."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from example_program import changed
from framework_environment import EXAMPLES, cluster_with_environment
from local_cluster import IMAGE, LocalCluster, config_map
from run_files import history, log, report

from footplate_run.process import children_of

NAME = "pytorch-elastic"
EXAMPLE = EXAMPLES / NAME
SECONDS = 120.0  # what takes 10 to 20 on two free cores

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with cluster_with_environment(NAME, tmp_path_factory) as found:
        yield found


# The example, but it trains until the test has seen enough, however slow the machine is.
ENOUGH = """
enough = torch.tensor([os.path.exists(os.environ["ENOUGH"])])
dist.broadcast(enough, src=0)
if enough:
    break
"""


def test_a_killed_worker_comes_back_and_training_goes_on_all_the_time(cluster: LocalCluster, tmp_path: Path) -> None:
    enough, full = tmp_path / "enough", tmp_path / "full"
    start(cluster, changed(NAME, "began = time.monotonic()", ENOUGH), enough, full)
    cluster.phase(NAME, "Running", seconds=SECONDS)
    said(cluster, "epoch 3/.*  3 ranks ")

    full.touch()
    kill_container(cluster, f"{NAME}-1-worker-2")
    status = cluster.wait("it runs with fewer", lambda: running(cluster, "RunningWithFewer"), SECONDS)
    killed = "worker-2 was killed by SIGKILL; infrastructure retry 1 of 3 replaces it"
    assert status["message"].startswith(f"2 of 3 replicas running; {killed}")
    said(cluster, "epoch .*  2 ranks ")

    full.unlink()
    status = cluster.wait("all run again", lambda: running(cluster, "AllReplicasRunning"), SECONDS)
    assert status["replicas"]["worker"]["running"] == 3
    said(cluster, "epoch .*  2 ranks (.|\n)*epoch .*  3 ranks ")
    enough.touch()
    status = cluster.phase(NAME, "Completed", seconds=SECONDS)

    (attempt,) = status["attempts"]
    (lost,) = attempt["lost"]
    assert (lost["replica"], lost["times"], lost["reason"], lost["replaced"]) == ("worker-2", 1, "Signal", True)
    assert status["retries"] == {"user": 0, "infrastructure": 1}
    run = cluster.run_dir(NAME)
    check_learning(run)
    check_logs(run)
    told = cluster.footplate("logs", NAME, "--replica", "worker-2").stdout
    assert told == log(run, "worker-2") + log(run, "worker-2.r1"), "the lost pod's, then its replacement's"
    assert json.loads((run / "manifest.json").read_text())["complete"] is True


FAILS = """
import torch.distributed as dist
dist.init_process_group("gloo")
print("rank", dist.get_rank(), "of", dist.get_world_size(), flush=True)
if dist.get_rank() == 1:
    raise ValueError("image 17 is upside down")
dist.barrier()
"""


def test_a_program_that_fails_is_tried_again_by_torchrun_and_is_then_the_cause(cluster: LocalCluster) -> None:
    """It has no @record: its traceback is read from stderr."""
    name = cluster.start(
        FAILS,
        image=None,
        environment={"name": NAME},
        nodes=2,
        distribution={"pytorch": {"minNodes": 1}},
        retry={"infrastructure": 0},
    )
    status = cluster.phase(name, "Failed", seconds=SECONDS)
    assert status["reason"] == "UserError"
    first_line = status["message"].splitlines()[0]
    assert first_line == "worker-1 exited with code 1: ValueError: image 17 is upside down", cluster.report(name)
    assert len(status["attempts"]) == 1
    assert "lost" not in status["attempts"][0]
    assert log(cluster.run_dir(name), "worker-1").count("rank 1 of 2") >= 2, "torchrun has tried it again"


ENDS = """
import os, time
print("worker", os.environ["FOOTPLATE_INDEX"], "ends", flush=True)
while os.environ["FOOTPLATE_INDEX"] == "2":
    time.sleep(0.1)
"""


@pytest.mark.parametrize("infrastructure", [0, 3])
def test_a_worker_that_is_lost_when_the_others_have_ended_is_not_waited_for(
    cluster: LocalCluster, infrastructure: int
) -> None:
    """torch's own barrier at the end would wait for it for five minutes."""
    name = cluster.start(
        ENDS,
        image=None,
        environment={"name": NAME},
        nodes=3,
        distribution={"pytorch": {"minNodes": 2}},
        retry={"infrastructure": infrastructure},
    )
    for worker in range(3):
        said(cluster, f"worker {worker} ends", f"{name}-1-worker-{worker}")
    kill_container(cluster, f"{name}-1-worker-2")
    status = cluster.phase(name, "Completed", seconds=SECONDS)
    assert [lost["replica"] for lost in status["attempts"][0]["lost"]] == ["worker-2"]


def check_learning(run: Path) -> None:
    """One course of epochs by three, two and three ranks again, whose loss falls."""
    told = report(run)
    assert told["epochs"] == len(told["world_sizes"])
    assert re.fullmatch("3{3,}2+3+", "".join(map(str, told["world_sizes"])))
    loss = history(run, "loss")
    assert loss[0] - loss[-1] > 1, loss
    assert told["accuracy"] > 0.8


def check_logs(run: Path) -> None:
    """Each group went on where the one before had come to; the replacement has a log of its own."""
    starts = re.findall(r"rank 0 of (\d) goes on after epoch (\d+)", log(run, "worker-0"))
    assert [int(ranks) for ranks, _ in starts] == [3, 2, 3]
    epochs = [int(epoch) for _, epoch in starts]
    assert epochs[0] == 0 < 3 <= epochs[1] < epochs[2]
    assert re.search(r"rank \d of 3 goes on after epoch 0\n", log(run, "worker-2"))
    assert re.findall(r"rank \d of 3 goes on after epoch (\d+)\n", log(run, "worker-2.r1")) == [starts[2][1]]


def start(cluster: LocalCluster, code: str, enough: Path, full: Path) -> None:
    """The example's job with this program. Its epochs end when there is the file `enough`; while there is `full`, a
    new pod waits before its program starts, as for a node."""
    manifest = yaml.safe_load((EXAMPLE / "job.yaml").read_text())
    manifest["spec"]["parameters"] |= {"epochs": 9999, "seconds-per-epoch": 0.3}
    wait = {"name": "wait", "image": IMAGE, "command": ["sh", "-c", f"while [ -e {full} ]; do sleep 0.2; done"]}
    train = {"name": "train", "env": [{"name": "ENOUGH", "value": str(enough)}]}
    manifest["spec"]["podTemplate"] = {"spec": {"initContainers": [wait], "containers": [train]}}
    cluster.apply(config_map(f"{NAME}-code", {"train.py": code}), manifest)


def running(cluster: LocalCluster, reason: str) -> dict[str, object] | None:
    """The job's status when it runs for this reason; it must not have ended."""
    status = cluster.status(NAME)
    assert status["phase"] == "Running", cluster.report(NAME)
    return status if status["reason"] == reason else None


def said(cluster: LocalCluster, line: str, pod: str = f"{NAME}-1-worker-0") -> None:
    """Wait until this worker has printed such a line."""

    def printed() -> bool:
        text = cluster.kubectl("logs", pod, "-c", "train").stdout
        return re.search(line, text) is not None

    cluster.wait(f"{pod} prints {line}", printed, SECONDS)


def kill_container(cluster: LocalCluster, pod: str) -> None:
    """SIGKILL to all processes of the container `train` at once, as when the kernel runs out of memory for it."""
    uid = cluster.request("GET", f"/api/v1/namespaces/default/pods/{pod}")["metadata"]["uid"]
    started = cluster.pods_dir / uid / "containers" / "train" / "0" / "started.json"
    processes = [int(json.loads(started.read_text())["pid"])]
    for process in processes:
        processes.extend(children_of(process))
    assert len(processes) >= 3, "the launcher, torchrun and the program"
    for process in processes:
        os.kill(process, signal.SIGKILL)
