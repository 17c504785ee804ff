"""The example as `make demo` runs it; its environment is built once a machine, into `.cache/environments`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from framework_environment import EXAMPLES, cluster_with_cache
from local_cluster import LocalCluster

EXAMPLE = EXAMPLES / "digits"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    with cluster_with_cache(tmp_path) as found:
        yield found


def test_it_learns_to_read(cluster: LocalCluster) -> None:
    done = cluster.footplate("run", str(EXAMPLE))
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = cluster.run_dir("digits") / "outputs"
    report = json.loads((outputs / "report.json").read_text())
    assert report["testAccuracy"] > 0.95
    assert sum(map(sum, report["confusionMatrix"])) == report["testImages"] == 360
    assert (outputs / "model.joblib").stat().st_size > 100_000
    assert cluster.status("digits")["metrics"]["accuracy"]["step"] == 30
    assert "epoch 30/30" in done.stdout
    assert "outputs   2 files" in done.stdout
    again = cluster.footplate("run", str(EXAMPLE))
    assert again.returncode == 0
    assert "digits-2 completed" in again.stdout
    assert "build | " not in again.stdout, "the environment is there already"
