"""TensorFlow's parameter servers for real: the example's own loop, Keras' fit, and replicas that die in training."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from framework_environment import EXAMPLES, cluster_with_environment
from local_cluster import LocalCluster, config_map, job_manifest
from programs import kill_in_training
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
    cluster.wait("all pods are gone", lambda: not cluster.pods(NAME))

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
    kill_in_training(cluster, name, 1, "ps-0", "chief-0", SECONDS)
    kill_in_training(cluster, name, 2, "worker-0", "chief-0", SECONDS)
    status = cluster.ended(name)
    assert (status["phase"], status["reason"], len(status["attempts"])) == ("Failed", "Signal", 2)
