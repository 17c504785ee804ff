"""The commands and scripts of docs/metrics.md do what the page shows."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tensorboardX
import yaml
from local_cluster import LocalCluster

PAGE = (Path(__file__).parents[2] / "docs/metrics.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Each command of the page and what it prints."""
    (shown,) = blocks("console")
    return [(command, output) for command, output in re.findall(r"\$ (.*)\n((?:(?!\$ ).*\n)*)", shown)]


def test_what_the_page_shows(local_cluster: LocalCluster, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(blocks("python")[0])
    (tmp_path / "job.yaml").write_text(next(b for b in blocks("yaml") if "kind: TrainingJob" in b))
    assert len(commands()) == 5
    for command, output in commands():
        words = shlex.split(command)
        if words[0] == "kubectl":
            words[1:] = [str(tmp_path / w) if (tmp_path / w).is_file() else w for w in words[1:]]
            done = local_cluster.kubectl(*words[1:])
        else:
            done = local_cluster.footplate(*words[1:])
        assert (done.returncode, done.stdout.strip()) == (0, output.strip()), (command, done.stderr)

    run = local_cluster.run_dir("metrics-demo")
    lines = [json.loads(line) for line in (run / "metrics/1/worker-0.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == [
        "tag", *["scalar"] * 5, "list", "row", "table", "confusion_matrix"
    ]  # fmt: skip
    assert json.loads((run / lines[-1]["value"]).read_text())["data"]["matrix"] == [[9, 1], [0, 10]]
    assert json.loads((run / "run.json").read_text())["tags"] == {"dataset": "digits-v2"}
    (shown,) = re.findall(r"Each line is an object: `(.*?)`", PAGE)
    assert lines[2] == {**json.loads(shown), "time": lines[2]["time"]}


def test_the_script_runs_outside_a_job(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", blocks("python")[0]], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "loss = 1.0 (step 1)\nepoch 1 val_loss: 1.100\n" in done.stdout
    assert (tmp_path / "metrics/metrics.jsonl").exists()


def test_event_files_of_the_page_become_metrics(local_cluster: LocalCluster) -> None:
    """tensorboardX has the SummaryWriter of torch.utils.tensorboard."""
    assert hasattr(tensorboardX.SummaryWriter, "add_scalar")
    code = blocks("python")[1].replace("from torch.utils.tensorboard import", "from tensorboardX import")
    name = local_cluster.start(code)
    status = local_cluster.phase(name, "Completed")
    assert status["metrics"]["loss"]["value"] == pytest.approx(1 / 3)
    lines = (local_cluster.run_dir(name) / "metrics/1/worker-0.tensorboard.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 1, 2]


def test_patterns_of_the_page_find_what_they_should(local_cluster: LocalCluster) -> None:
    (spec,) = [y["spec"] for b in blocks("yaml") if (y := yaml.safe_load(b)).keys() == {"spec"}]
    code = "print('epoch 3 loss: 2.5e-1')\nprint('accuracy=0.75 ...')"
    name = local_cluster.start(code, **spec)
    metrics = local_cluster.phase(name, "Completed")["metrics"]
    assert {key: (value["value"], value.get("step")) for key, value in metrics.items()} == {
        "loss": (0.25, 3), "accuracy": (0.75, None)
    }  # fmt: skip
