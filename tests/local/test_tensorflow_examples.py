"""TensorFlow without parameter servers: MultiWorkerMirroredStrategy on two nodes, and Keras 3 on one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml
from framework_environment import EXAMPLES, cluster_with_environment
from local_cluster import LocalCluster
from run_files import history, log, outputs, report

from footplate.api.environment import EnvironmentSpec
from footplate.environments.content_hash import content_hash

MULTIWORKER, KERAS = "tensorflow-multiworker", "keras"
SECONDS = 240.0  # what takes 15 on two free cores

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with cluster_with_environment(MULTIWORKER, tmp_path_factory) as found:
        yield found


def test_the_examples_share_one_environment_that_is_built_once() -> None:
    texts = [(EXAMPLES / name / "environment.yaml").read_text() for name in ("tensorflow-ps", MULTIWORKER, KERAS)]
    specs = [EnvironmentSpec.model_validate(yaml.safe_load(text)["spec"]) for text in texts]
    assert len({content_hash(spec) for spec in specs}) == 1


def test_two_workers_train_one_model(cluster: LocalCluster) -> None:
    applied = cluster.kubectl("apply", "-k", str(EXAMPLES / MULTIWORKER))
    assert applied.returncode == 0, applied.stderr
    status = cluster.phase(MULTIWORKER, "Completed", seconds=SECONDS)
    run = cluster.run_dir(MULTIWORKER)
    assert status["replicas"] == {"worker": {"desired": 2, "running": 0, "succeeded": 2, "failed": 0}}
    assert all("one of 2 workers" in log(run, f"worker-{index}") for index in (0, 1))
    assert report(run)["workers"] == 2
    loss, accuracy = history(run, "loss"), history(run, "val_accuracy")
    assert loss[0] - loss[-1] > 0.5, loss
    assert accuracy[-1] > 0.85, accuracy
    assert not (run / "metrics/1/worker-1.jsonl").exists(), "the first worker alone logs"
    assert outputs(run) == ["outputs/model.keras", "outputs/report.json"]


def test_keras_logs_through_run(cluster: LocalCluster) -> None:
    applied = cluster.kubectl("apply", "-k", str(EXAMPLES / KERAS))
    assert applied.returncode == 0, applied.stderr
    status = cluster.phase(KERAS, "Completed", seconds=SECONDS)
    run = cluster.run_dir(KERAS)
    assert report(run)["keras"].startswith("3.")
    loss, accuracy = history(run, "loss"), history(run, "val_accuracy")
    assert len(loss) == len(accuracy) == report(run)["epochs"]
    assert loss[0] - loss[-1] > 0.5, loss
    assert max(accuracy) > 0.9, accuracy
    assert set(status["metrics"]) == {"accuracy", "loss", "val_accuracy", "val_loss"}
    assert status["metrics"]["val_loss"]["value"] == pytest.approx(history(run, "val_loss")[-1])
    assert outputs(run) == ["outputs/model.keras", "outputs/report.json"]
    assert json.loads((run / "manifest.json").read_text())["complete"] is True
