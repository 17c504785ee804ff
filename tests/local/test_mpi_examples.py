"""MPI for real: the examples with Open MPI and MPICH on three nodes, ranks and workers that are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from framework_environment import EXAMPLES, build_environment, cluster_with_environment
from local_cluster import CORE, LocalCluster
from run_files import history, log, outputs, report

OPEN_MPI, MPICH = "mpi-mpi4py", "mpi-mpich"
SECONDS = 180.0  # what takes 10 on two free cores

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with cluster_with_environment(OPEN_MPI, tmp_path_factory) as found:
        yield found


def start(cluster: LocalCluster, code: str, nodes: int = 3, processes: int = 2, **spec: Any) -> str:
    return cluster.start(
        code,
        image=None,
        environment={"name": OPEN_MPI},
        nodes=nodes,
        distribution={"mpi": {"processesPerNode": processes}},
        **spec,
    )


@pytest.mark.parametrize(("example", "library"), [(OPEN_MPI, "Open MPI"), (MPICH, "MPICH")])
def test_the_example_trains_on_three_nodes(cluster: LocalCluster, example: str, library: str) -> None:
    build_environment(cluster, example)
    applied = cluster.kubectl("apply", "-k", str(EXAMPLES / example))
    assert applied.returncode == 0, applied.stderr
    status = cluster.phase(example, "Completed", seconds=SECONDS)
    run = cluster.run_dir(example)
    told = report(run)
    assert told["hosts"] == {str(rank): f"worker-{rank // 2}" for rank in range(6)}
    assert told["same_weights"] is True
    assert told["library"].startswith(library)
    loss, accuracy = history(run, "loss"), history(run, "accuracy")
    assert len(loss) == 6
    assert loss[0] - loss[-1] > 0.5, loss
    assert accuracy[-1] > 0.85, accuracy
    assert status["metrics"]["loss"]["value"] == pytest.approx(loss[-1])
    assert not (run / "metrics/1/worker-1.jsonl").exists(), "rank 0 alone logs"
    assert outputs(run) == ["outputs/checkpoint.npy", "outputs/report.json"]
    assert "rank 5 of 6 on worker-2" in log(run, "worker-0"), "mpirun brings what all ranks say to worker 0"
    assert status["replicas"]["worker"] == {"desired": 3, "running": 0, "succeeded": 3, "failed": 0}


def test_both_examples_are_one_program() -> None:
    assert (EXAMPLES / OPEN_MPI / "train.py").read_text() == (EXAMPLES / MPICH / "train.py").read_text()


RANKS = """\
import os
from mpi4py import MPI
comm = MPI.COMM_WORLD
comm.Barrier()
"""


def test_a_rank_that_raises_is_the_cause_though_the_others_wait_for_it(cluster: LocalCluster) -> None:
    code = RANKS + "if comm.rank == 3:\n    raise ValueError('image 17 is upside down')\ncomm.Barrier()\n"
    name = start(cluster, code)
    status = cluster.phase(name, "Failed", seconds=SECONDS)
    assert status["reason"] == "UserError"
    first_line = status["message"].splitlines()[0]
    assert first_line == "worker-1 exited with code 1: ValueError: image 17 is upside down", cluster.report(name)
    assert (status["attempts"][0]["replica"], status["attempts"][0]["exitCode"]) == ("worker-1", 1)


def test_a_rank_that_is_killed_on_another_node_is_named(cluster: LocalCluster) -> None:
    code = RANKS + "if comm.rank == 5:\n    os.kill(os.getpid(), 9)\ncomm.Barrier()\n"
    name = start(cluster, code)
    status = cluster.phase(name, "Failed", seconds=SECONDS)
    assert status["reason"] in ("Signal", "OutOfMemory"), cluster.report(name)
    assert "rank 5 on worker-2 was killed by SIGKILL" in status["message"]
    assert status["attempts"][0]["replica"] == "worker-2"


@pytest.mark.parametrize("killed", ["worker-0", "worker-2"])
def test_the_job_ends_when_the_launcher_of_a_worker_is_killed(cluster: LocalCluster, killed: str) -> None:
    code = RANKS + "print('trains', flush=True)\nwhile True:\n    comm.Barrier()\n"
    name = start(cluster, code)
    cluster.wait("all ranks run", lambda: cluster_log(cluster, name).count("trains") == 6, SECONDS)
    os.kill(launcher_of(cluster, name, killed), signal.SIGKILL)
    status = cluster.phase(name, "Failed", seconds=SECONDS)
    assert status["attempts"][0]["replica"] == killed, cluster.report(name)
    ends = [train_ended(pod) for pod in cluster.pods(name)]
    assert (max(ends) - min(ends)).total_seconds() < 10, "the others notice"


def cluster_log(cluster: LocalCluster, name: str) -> str:
    done = cluster.kubectl("logs", f"{name}-1-worker-0", "-c", "train")
    return done.stdout


def launcher_of(cluster: LocalCluster, name: str, replica: str) -> int:
    """The process id of footplate-run in that replica's container."""
    pod = cluster.request("GET", f"{CORE}/pods/{name}-1-{replica}")
    root = str(cluster.pods_dir / pod["metadata"]["uid"])
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            words = command_line(int(entry))
            if words and words[-1].endswith("footplate-run.pyz") and root in words[-1]:
                return int(entry)
    raise AssertionError(f"no launcher of {replica} runs")


def command_line(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []


def train_ended(pod: dict[str, Any]) -> datetime:
    train = next(c for c in pod["status"]["containerStatuses"] if c["name"] == "train")
    return datetime.fromisoformat(train["state"]["terminated"]["finishedAt"])


def test_two_processes_on_one_node_need_no_keys(cluster: LocalCluster) -> None:
    code = RANKS + "print('rank', comm.rank, 'of', comm.size, flush=True)\n"
    name = start(cluster, code, nodes=1)
    cluster.phase(name, "Completed", seconds=SECONDS)
    assert "rank 1 of 2" in log(cluster.run_dir(name), "worker-0")
    assert cluster.request("GET", f"{CORE}/secrets")["items"] == [] or all(
        name not in secret["metadata"]["name"] for secret in cluster.request("GET", f"{CORE}/secrets")["items"]
    )
