"""The record of a run in the store, with real processes: it says what the status says, whatever becomes of the job."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from local_cluster import LocalCluster

STEPS = """
from footplate_run import Run
run = Run.get_context()
for step in range(3):
    run.log('loss', 1.0 / (step + 1), step=step)
run.tag('kind', 'test')
open('outputs/model', 'w').write('weights')
print('trained', flush=True)
"""
WAITS = STEPS + "import time\ntime.sleep(60)\n"
WAITS_ONCE = STEPS + "import os, time\nif os.environ['FOOTPLATE_ATTEMPT'] == '1':\n    time.sleep(60)\n"


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return found


def recorded(cluster: LocalCluster, name: str) -> dict[str, Any]:
    """The record, once the operator says that it is right."""
    cluster.wait("its record is written", lambda: not cluster.job(name)["metadata"].get("finalizers"))
    return record(cluster.run_dir(name))


def agrees(found: dict[str, Any], status: dict[str, Any]) -> None:
    for name in ("phase", "reason", "message"):
        assert found[name] == status[name]
    named = ("number", "reason", "replica", "exitCode", "node")
    shown = [[[attempt.get(name) for name in named] for attempt in of["attempts"]] for of in (found, status)]
    assert shown[0] == shown[1]
    run = status["run"]
    assert found["uri"] == run["uri"]
    persisted = next((c["status"] == "True" for c in status["conditions"] if c["type"] == "OutputsPersisted"), None)
    told = {"complete": persisted, **{name: run.get(name) for name in ("files", "bytes", "manifestDigest")}}
    assert found["outputs"] == told


def runs(cluster: LocalCluster, name: str) -> None:
    """The program itself has come so far: its log is in the store."""
    cluster.phase(name, "Running")
    logs = cluster.run_dir(name) / "logs/1"
    cluster.wait("it has trained", lambda: any(logs.glob("worker-0.log*")))


def test_completed(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(STEPS, experiment="mnist", parameters={"epochs": 3})
    status = local_cluster.phase(name, "Completed")
    found = recorded(local_cluster, name)
    agrees(found, status)
    assert found["job"] == {
        "name": name,
        "namespace": "default",
        "uid": local_cluster.job(name)["metadata"]["uid"],
        "experiment": "mnist",
    }
    assert (found["footplate"], found["parameters"], found["tags"]) == ("0.1.0", {"epochs": 3}, {"kind": "test"})
    loss = found["metrics"]["loss"]
    assert (loss["min"], loss["max"], loss["step"], loss["count"]) == (loss["last"], 1.0, 2, 3)
    times = [found[f"{moment}Time"] for moment in ("created", "queued", "start", "end")]
    times = [datetime.fromisoformat(time).replace(microsecond=0) for time in times]  # some have whole seconds alone
    assert times == sorted(times)
    assert found["attempts"][0]["lastLines"] == ["trained"]
    assert found["environment"]["image"] == "footplate/runtime"


def test_failed_in_its_second_attempt(local_cluster: LocalCluster) -> None:
    code = STEPS + "import os, sys\nsys.exit(int(os.environ['FOOTPLATE_ATTEMPT']))\n"
    name = local_cluster.start(code, retry={"user": 1})
    status = local_cluster.phase(name, "Failed")
    found = recorded(local_cluster, name)
    agrees(found, status)
    assert [a["exitCode"] for a in found["attempts"]] == [1, 2]
    assert [a["lastLines"] for a in found["attempts"]] == [["trained"], ["trained"]]
    assert found["metrics"]["loss"]["count"] == 3
    assert found["source"]["revision"].startswith("sha256:")


def test_another_replica_is_to_blame(local_cluster: LocalCluster) -> None:
    code = (
        "import os, sys, time\n"
        "if os.environ['FOOTPLATE_INDEX'] == '1':\n    print('bad shard', flush=True)\n    sys.exit(3)\n"
        "time.sleep(60)"
    )
    name = local_cluster.start(code, nodes=2, distribution={"jax": {}})
    status = local_cluster.phase(name, "Failed")
    found = recorded(local_cluster, name)
    agrees(found, status)
    (attempt,) = found["attempts"]
    assert (found["replica"], attempt["exitCode"], attempt["lastLines"]) == ("worker-1", 3, ["bad shard"])


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_stopped(local_cluster: LocalCluster, how: str) -> None:
    name = local_cluster.start(WAITS, **({"timeoutSeconds": 3} if how == "timeout" else {}))
    if how == "cancel":
        runs(local_cluster, name)
        local_cluster.patch(name, cancel=True)
    status = local_cluster.ended(name)
    found = recorded(local_cluster, name)
    agrees(found, status)
    assert (found["phase"], found["reason"]) == (("Canceled", "Canceled") if how == "cancel" else ("Failed", "Timeout"))
    assert found["metrics"]["loss"]["count"] == 3


def test_suspended_and_gone_on(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(WAITS_ONCE)
    runs(local_cluster, name)
    local_cluster.patch(name, suspend=True)
    status = local_cluster.phase(name, "Suspended")
    folder = local_cluster.run_dir(name)
    local_cluster.wait("the record says so", lambda: record(folder)["phase"] == "Suspended")
    agrees(record(folder), status)
    local_cluster.patch(name, suspend=False)
    status = local_cluster.phase(name, "Completed")
    found = recorded(local_cluster, name)
    agrees(found, status)
    assert [a["reason"] for a in found["attempts"]] == ["Suspended", "Completed"]


def test_deleted_while_it_runs(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(WAITS)
    runs(local_cluster, name)
    folder = local_cluster.run_dir(name)
    gone = local_cluster.kubectl("delete", "tj", name, "--timeout=60s")
    assert gone.returncode == 0, gone.stderr
    found = record(folder)
    assert (found["phase"], found["reason"], found["message"]) == (
        "Canceled",
        "Deleted",
        "canceled: the TrainingJob was deleted",
    )
    assert (found["outputs"]["files"], found["outputs"]["complete"]) == (1, True)
    assert [a["reason"] for a in found["attempts"]] == ["Deleted"]
    assert found["metrics"]["loss"]["count"] == 3


def test_failed_before_any_pod(local_cluster: LocalCluster) -> None:
    wrong = {"script": "train.py", "args": ["$(inputs.none)"]}
    name = local_cluster.start("print(1)", entrypoint=wrong, experiment="e")
    status = local_cluster.phase(name, "Failed")
    uid = local_cluster.job(name)["metadata"]["uid"]
    local_cluster.wait("its record is written", lambda: not local_cluster.job(name)["metadata"].get("finalizers"))
    found = record(local_cluster.store / f"default/{name}-{uid[:8]}")
    assert {field: found[field] for field in ("phase", "reason", "message")} == {
        field: status[field] for field in ("phase", "reason", "message")
    }
    assert (found["attempts"], found["job"]["experiment"]) == ([], "e")
    assert found["spec"]["entrypoint"]["args"] == ["$(inputs.none)"]


def test_no_room_for_it(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print(1)", resources={"gpu": 64}, startTimeoutSeconds=1)
    status = local_cluster.phase(name, "Failed")
    found = recorded(local_cluster, name)
    assert found["reason"] == status["reason"] == "Unschedulable"
    assert [a["reason"] for a in found["attempts"]] == ["Unschedulable"]


def test_the_cluster_goes_down_and_comes_back(own_cluster: LocalCluster) -> None:
    """Until then nobody can say why it was stopped; after that the record tells of both attempts."""
    name = own_cluster.start(WAITS_ONCE)
    runs(own_cluster, name)
    folder = own_cluster.run_dir(name)
    own_cluster.down()
    found = record(folder)
    assert (found["phase"], found["reason"]) == ("Stopped", None)
    assert (found["outputs"]["files"], found["metrics"]["loss"]["count"]) == (1, 3)
    own_cluster.up()
    status = own_cluster.phase(name, "Completed")
    found = recorded(own_cluster, name)
    agrees(found, status)
    assert [a["reason"] for a in found["attempts"]] == ["Evicted", "Completed"]
