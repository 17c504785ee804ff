"""A job goes on from its checkpoint: the next attempt starts with the outputs of the one before."""

from __future__ import annotations

import json

import pytest
from local_cluster import LocalCluster
from run_files import log, outputs

CHECKPOINTS = """
import json, os, signal, sys, time
from pathlib import Path

rank, attempt = os.environ["RANK"], os.environ["FOOTPLATE_ATTEMPT"]
checkpoint = Path("outputs/checkpoint.json")
state = {"epoch": 0, "history": []}
if os.environ.get("FOOTPLATE_RESUME") and checkpoint.exists():
    state = json.loads(checkpoint.read_text())
print("rank", rank, "starts after epoch", state["epoch"], flush=True)
while state["epoch"] < 4:
    state = {"epoch": state["epoch"] + 1, "history": state["history"] + [attempt]}
    if rank == "0":
        unfinished = checkpoint.with_suffix(".tmp")
        unfinished.write_text(json.dumps(state))
        if state["epoch"] == 3 and attempt == "1":
            END
        unfinished.replace(checkpoint)
Path(f"outputs/rank-{rank}.txt").write_text("done")
"""


@pytest.mark.parametrize(
    ("end", "reason"),
    [("os.kill(os.getpid(), signal.SIGKILL)", "Signal"), ("sys.exit(75)", "UserError")],
)
def test_a_killed_job_goes_on_from_its_checkpoint(local_cluster: LocalCluster, end: str, reason: str) -> None:
    code = CHECKPOINTS.replace("END", end)
    name = local_cluster.start(code, retry={"user": 1}, nodes=2, distribution={"jax": {}})

    status = local_cluster.phase(name, "Completed")

    run = local_cluster.run_dir(name)
    assert [a["reason"] for a in status["attempts"]] == [reason, "Completed"]
    assert json.loads((run / "outputs/checkpoint.json").read_text())["history"] == ["1", "1", "2", "2"]
    for rank in (0, 1):
        assert log(run, f"worker-{rank}", 2) == f"rank {rank} starts after epoch 2\n"
    left = status["attempts"][1]["resumed"]
    assert left["files"] == 1
    assert "resumed" not in status["attempts"][0]
    attempts = json.loads((run / "run.json").read_text())["attempts"]
    assert [(a["number"], (a["resumed"] or {}).get("files")) for a in attempts] == [(1, None), (2, 1)]
    manifest = json.loads((run / "manifest.json").read_text())
    assert (manifest["attempt"], manifest["complete"]) == (2, True)
    assert [entry["path"] for entry in manifest["files"]] == ["outputs/checkpoint.json", "outputs/rank-0.txt"]
    assert [path for path in outputs(run) if path.startswith("ranks/")] == ["ranks/worker-1/outputs/rank-1.txt"]


def test_a_suspended_job_goes_on_and_says_so(local_cluster: LocalCluster) -> None:
    code = """
import os, time
from pathlib import Path

seen = sorted(path.name for path in Path("outputs").iterdir())
print("found", seen, flush=True)
Path("outputs/attempt-" + os.environ["FOOTPLATE_ATTEMPT"]).write_text("x" * 1000)
time.sleep(60)
"""
    name = local_cluster.start(code)
    local_cluster.phase(name, "Running")
    saved = local_cluster.run_dir(name) / "outputs/attempt-1"
    local_cluster.wait("the first attempt's file is in the store", saved.exists)
    local_cluster.patch(name, suspend=True)
    local_cluster.phase(name, "Suspended")

    local_cluster.patch(name, suspend=False)
    wanted = "1 of 1 replica running; resumed with 1 file (1.0 kB) of attempt 1"
    status = local_cluster.wait(
        f"the message {wanted!r}", lambda: (s := local_cluster.status(name))["message"] == wanted and s
    )

    assert status["attempts"][1]["resumed"] == {"files": 1, "bytes": 1000, "damaged": 0}
    described = local_cluster.kubectl("describe", "tj", name).stdout
    assert "Resumed:" in described
    assert wanted in described
    saved = local_cluster.run_dir(name) / "outputs/attempt-2"
    local_cluster.wait("the second attempt's file is in the store", saved.exists)
    local_cluster.patch(name, cancel=True)
    local_cluster.phase(name, "Canceled")
    assert log(local_cluster.run_dir(name), "worker-0", 2) == "found ['attempt-1']\n"


def test_a_pod_that_was_removed_by_force_is_lost_and_the_job_goes_on(local_cluster: LocalCluster) -> None:
    """Nobody asked for it to go on, and no retry of the user's is spent."""
    code = """
import os, time
from pathlib import Path

checkpoint = Path("outputs/checkpoint.txt")
if os.environ.get("FOOTPLATE_RESUME"):
    print("found", checkpoint.read_text(), flush=True)
else:
    checkpoint.write_text("epoch 1")
    while True:
        time.sleep(1)
"""
    name = local_cluster.start(code)
    local_cluster.phase(name, "Running")
    run = local_cluster.run_dir(name)
    local_cluster.wait("the checkpoint is in the store", (run / "outputs/checkpoint.txt").exists)

    forced = local_cluster.kubectl("delete", "pod", f"{name}-1-worker-0", "--force", "--grace-period=0")
    assert forced.returncode == 0, forced.stderr

    status = local_cluster.phase(name, "Completed")
    assert [a["reason"] for a in status["attempts"]] == ["NodeLost", "Completed"]
    assert status["retries"] == {"user": 0, "infrastructure": 1}
    assert log(run, "worker-0", 2) == "found epoch 1\n"
    manifest = json.loads((run / "manifest.json").read_text())
    assert [entry["path"] for entry in manifest["files"]] == ["outputs/checkpoint.txt"]
