"""Jobs that someone stops, or that run out of time."""

from __future__ import annotations

import json

import pytest
from local_cluster import LocalCluster

POLITE = """
import pathlib, signal, sys, time
def stop(number, frame):
    pathlib.Path('outputs/stopped.txt').write_text(signal.Signals(number).name)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
pathlib.Path('outputs/before.txt').write_text('early')
print('ready', flush=True)
time.sleep(60)
"""


def running(cluster: LocalCluster, name: str, attempt: int = 1) -> None:
    """The program itself has come so far: its log is in the store."""
    cluster.phase(name, "Running")
    logs = cluster.run_dir(name) / f"logs/{attempt}"
    cluster.wait(f"attempt {attempt} says that it is ready", lambda: any(logs.glob("worker-0.log*")))


def persisted(cluster: LocalCluster, name: str) -> bool:
    conditions = cluster.status(name)["conditions"]
    return any(c["type"] == "OutputsPersisted" and c["status"] == "True" for c in conditions)


def test_canceled_while_it_runs(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(POLITE)
    running(local_cluster, name)
    local_cluster.patch(name, cancel=True)
    status = local_cluster.phase(name, "Canceled")
    folder = local_cluster.run_dir(name)
    assert (status["reason"], status["message"]) == ("Canceled", "canceled: spec.cancel is true")
    assert (folder / "outputs/before.txt").read_text() == "early"
    assert (folder / "outputs/stopped.txt").read_text() == "SIGTERM"
    assert json.loads((folder / "manifest.json").read_text())["complete"] is True
    assert persisted(local_cluster, name)
    assert status["attempts"][0]["reason"] == "Canceled"


def test_canceled_before_it_starts(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print(1)", cancel=True)
    status = local_cluster.phase(name, "Canceled")
    assert status.get("attempts", []) == []
    assert local_cluster.pods(name) == []


def test_suspended_and_resumed(local_cluster: LocalCluster) -> None:
    code = "import os\n" + POLITE.replace("'ready'", "'attempt', os.environ['FOOTPLATE_ATTEMPT']")
    name = local_cluster.start(
        code.replace("time.sleep(60)", "time.sleep(60 if os.environ['FOOTPLATE_ATTEMPT'] == '1' else 0)")
    )
    running(local_cluster, name)
    local_cluster.patch(name, suspend=True)
    status = local_cluster.phase(name, "Suspended")
    assert status["reason"] == "Suspended"
    assert "set it to false" in status["message"]
    local_cluster.wait("the pods of a suspended job go", lambda: not local_cluster.pods(name))
    local_cluster.patch(name, suspend=False)
    status = local_cluster.phase(name, "Completed")
    folder = local_cluster.run_dir(name)
    assert [(a["number"], a["reason"]) for a in status["attempts"]] == [(1, "Suspended"), (2, "Completed")]
    assert [(folder / f"logs/{n}/worker-0.log").read_text() for n in (1, 2)] == ["attempt 1\n", "attempt 2\n"]
    assert status.get("retries", {}).get("user", 0) == 0, "a suspension spends no budget"


def test_longer_than_timeout_seconds(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(POLITE, timeoutSeconds=2)
    status = local_cluster.phase(name, "Failed")
    assert status["reason"] == "Timeout"
    assert status["message"] == "it ran for longer than timeoutSeconds (2 s)"
    assert (local_cluster.run_dir(name) / "outputs/stopped.txt").read_text() == "SIGTERM"
    assert persisted(local_cluster, name)


@pytest.mark.parametrize("phase", ["running", "completed"])
def test_deleted(local_cluster: LocalCluster, phase: str) -> None:
    name = local_cluster.start(POLITE if phase == "running" else "print(1)")
    if phase == "running":
        running(local_cluster, name)
    else:
        local_cluster.phase(name, "Completed")
    folder = local_cluster.run_dir(name)
    gone = local_cluster.kubectl("delete", "tj", name, "--timeout=30s")
    assert gone.returncode == 0, gone.stderr
    local_cluster.wait("its pods go with it", lambda: not local_cluster.pods(name))
    assert (folder / "manifest.json").exists(), "the run in the store stays, whole"


def test_a_finished_job_goes_after_its_ttl(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print(1)", ttlSecondsAfterFinished=1)
    local_cluster.wait(
        "it is deleted",
        lambda: (
            local_cluster.request("GET", f"/apis/footplate.dev/v1alpha1/namespaces/default/trainingjobs/{name}") is None
        ),
    )


def test_applied_again_it_does_not_run_again(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print(1)")
    before = local_cluster.phase(name, "Completed")
    local_cluster.start("print(1)", name)
    refused = local_cluster.kubectl("patch", "tj", name, "--type", "merge", "-p", '{"spec": {"timeoutSeconds": 7}}')
    assert refused.returncode != 0
    assert "create a job under another name" in refused.stderr or "another name" in refused.stderr
    assert local_cluster.status(name)["attempt"] == before["attempt"] == 1


def test_canceled_while_it_waits_for_room(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print(1)", resources={"gpu": 64})
    local_cluster.wait("its pod is there", lambda: local_cluster.pods(name))
    local_cluster.patch(name, cancel=True)
    status = local_cluster.phase(name, "Canceled")
    assert status["attempts"][0]["reason"] == "Canceled"
    local_cluster.wait("its pod goes", lambda: not local_cluster.pods(name))


def test_suspended_from_the_start_then_canceled(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print(1)", suspend=True)
    local_cluster.phase(name, "Suspended")
    assert local_cluster.pods(name) == []
    local_cluster.patch(name, cancel=True)
    local_cluster.phase(name, "Canceled")


def test_deleted_and_made_again(local_cluster: LocalCluster) -> None:
    """`kubectl delete` returns when the first one's outputs and record are saved; then its names are free."""
    name = local_cluster.start(POLITE)
    running(local_cluster, name)
    first = local_cluster.run_dir(name)
    gone = local_cluster.kubectl("delete", "tj", name, "--timeout=30s")
    assert gone.returncode == 0, gone.stderr
    assert json.loads((first / "run.json").read_text())["reason"] == "Deleted"
    local_cluster.start("print('second')", name)
    local_cluster.phase(name, "Completed")
    second = local_cluster.run_dir(name)
    assert first != second
    assert (second / "logs/1/worker-0.log").read_text() == "second\n"
    assert json.loads((first / "manifest.json").read_text())["complete"] is True
