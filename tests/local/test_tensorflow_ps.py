"""TensorFlow's parameter servers for real: the example's own loop, Keras' fit, and replicas that die in training."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from framework_environment import EXAMPLES, cluster_with_environment
from local_cluster import LocalCluster, config_map, job_manifest
from run_files import history, log, outputs, report

NAME = "tensorflow-ps"
EXAMPLE = EXAMPLES / NAME
SECONDS = 240.0  # TensorFlow's import alone takes 4 s of a core, in each of five processes
SMALL = {"chief": True, "workers": 1, "parameterServers": 1}

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with cluster_with_environment(NAME, tmp_path_factory) as found:
        yield found


def start(cluster: LocalCluster, trainer: str, epochs: int, **spec: Any) -> str:
    """The example's program with a chief, a worker and a parameter server."""
    name = cluster.name(NAME)
    code = {file: (EXAMPLE / file).read_text() for file in ("train.py", "trainers.py")}
    manifest = job_manifest(
        name,
        image=None,
        environment={"name": NAME},
        parameters={"trainer": trainer, "epochs": epochs},
        distribution={"tensorflow": SMALL},
        **spec,
    )
    cluster.apply(config_map(f"{name}-code", code), manifest)
    return name


def test_the_example_trains_with_a_loop_of_its_own(cluster: LocalCluster) -> None:
    applied = cluster.kubectl("apply", "-k", str(EXAMPLE))
    assert applied.returncode == 0, applied.stderr
    status = cluster.phase(NAME, "Completed", seconds=SECONDS)
    run = cluster.run_dir(NAME)
    counts = {role: (c["desired"], c["succeeded"], c["failed"]) for role, c in status["replicas"].items()}
    assert counts == {"chief": (1, 1, 0), "worker": (2, 0, 0), "ps": (2, 0, 0)}, "those that serve were stopped"
    assert cluster.pods(NAME) == []

    told = report(run)
    assert (told["trainer"], told["cluster"]) == ("loop", {"chief": 1, "worker": 2, "ps": 2})
    assert told["weights_on"] == [f"/job:ps/replica:0/task:{index}/device:CPU:0" for index in (0, 1)]
    batches = [int(n) for i in (0, 1) for n in re.findall(r"batch (\d+) of this worker", log(run, f"worker-{i}"))]
    assert batches.count(0) == 2, "both workers have computed gradients"

    epochs = yaml.safe_load((EXAMPLE / "job.yaml").read_text())["spec"]["parameters"]["epochs"]
    loss, accuracy = history(run, "loss", "chief-0"), history(run, "accuracy", "chief-0")
    assert len(loss) == len(accuracy) == epochs
    assert loss[0] - loss[-1] > 0.5, loss
    assert accuracy[-1] > 0.85, accuracy
    assert status["metrics"]["loss"] == {**status["metrics"]["loss"], "value": loss[-1], "step": epochs}
    assert not list((run / "metrics/1").glob("worker-*")), "the chief alone logs"

    assert outputs(run) == ["outputs/model.keras", "outputs/report.json"]
    persisted = next(c for c in status["conditions"] if c["type"] == "OutputsPersisted")
    assert persisted["status"] == "True", persisted
    manifests = [run / "manifest.json", *(run / f"ranks/{r}/manifest.json" for r in ("ps-0", "ps-1", "worker-1"))]
    assert all(json.loads(manifest.read_text())["complete"] for manifest in manifests)


def test_it_trains_by_the_fit_of_keras(cluster: LocalCluster) -> None:
    name = start(cluster, "fit", epochs=3)
    status = cluster.phase(name, "Completed", seconds=SECONDS)
    told = report(cluster.run_dir(name))
    assert (told["trainer"], told["cluster"]) == ("fit", {"chief": 1, "worker": 1, "ps": 1})
    loss = history(cluster.run_dir(name), "loss", "chief-0")
    assert len(loss) == 3
    assert loss[0] - loss[-1] > 0.5, loss
    assert status["attempts"][0]["reason"] == "Completed"


def test_a_parameter_server_and_a_worker_that_die_in_training_are_the_cause(cluster: LocalCluster) -> None:
    name = start(cluster, "loop", epochs=100_000, retry={"user": 1}, outputs={"flushSeconds": 20})
    first = kill_in_training(cluster, name, 1, "ps-0")
    assert first["message"].startswith("ps-0 was killed by SIGKILL")
    second = kill_in_training(cluster, name, 2, "worker-0")
    assert second["message"].startswith("worker-0 was killed by SIGKILL")
    status = cluster.ended(name)
    assert (status["phase"], status["reason"], len(status["attempts"])) == ("Failed", "Signal", 2)


def kill_in_training(cluster: LocalCluster, name: str, attempt: int, replica: str) -> dict[str, Any]:
    """SIGKILL to the replica's program once the chief has logged; the record of the attempt, over within 10 s."""
    trains = cluster.wait(f"attempt {attempt} trains", lambda: metrics_of_the_chief(cluster, name, attempt), SECONDS)
    assert trains.stat().st_size
    os.kill(program_pid(cluster, f"{name}-{attempt}-{replica}"), signal.SIGKILL)
    killed = time.time()
    over = cluster.wait("the attempt is over", lambda: record(cluster, name, attempt), 60)
    assert (over["reason"], over.get("replica")) == ("Signal", replica), cluster.report(name)
    assert datetime.fromisoformat(over["endTime"]).timestamp() - killed < 10
    return over


def metrics_of_the_chief(cluster: LocalCluster, name: str, attempt: int) -> Path | None:
    uid = pod_uid(cluster, f"{name}-{attempt}-chief-0")
    found = list((cluster.pods_dir / uid).rglob("metrics.jsonl")) if uid else []
    return found[0] if found else None


def record(cluster: LocalCluster, name: str, attempt: int) -> dict[str, Any] | None:
    attempts = cluster.status(name).get("attempts") or ()
    return next((dict(a) for a in attempts if a["number"] == attempt and a.get("endTime")), None)


def pod_uid(cluster: LocalCluster, pod: str) -> str | None:
    found = cluster.request("GET", f"/api/v1/namespaces/default/pods/{pod}")
    return str(found["metadata"]["uid"]) if found else None


def program_pid(cluster: LocalCluster, pod: str) -> int:
    """The process that the launcher has started."""
    state = cluster.pods_dir / str(pod_uid(cluster, pod)) / "containers/train/0/started.json"
    launcher = json.loads(state.read_text())["pid"]
    return int(Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()[0])
