"""The example as `make demo` runs it; its environment is built once a machine, into `.cache/environments`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_cluster import LocalCluster, running_cluster

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "digits"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    cache = ROOT / ".cache" / "environments"
    cache.mkdir(parents=True, exist_ok=True)
    home = tmp_path / "home"
    home.mkdir()
    (home / "environments").symlink_to(cache)
    with running_cluster(home) as found:
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
