"""The recorder as a process, over what agents left and where none ever ran."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

from replica import AgentProcess, Replica, eventually

from footplate_runtime.store import NotFound

FIELDS = {
    *("version", "footplate", "job", "uri", "phase", "reason", "message", "replica"),
    *("createdTime", "queuedTime", "startTime", "endTime", "spec", "parameters", "environment", "source", "inputs"),
    *("attempts", "metrics", "tags", "outputs"),
}


def verdict(replica: Replica, **more: Any) -> dict[str, Any]:
    """What the operator says of a job that has failed in its first attempt; `more` overrides."""
    return {
        "version": 1,
        "seconds": 20,
        "footplate": "0.1.0",
        "job": {"name": "digits", "namespace": "default", "uid": "1a2b3c4d", "experiment": "mnist"},
        "uri": replica.run_uri,
        "store": {"uri": replica.run_uri, "endpoint": replica.endpoint, "region": None},
        "attempt": 1,
        "phase": "Failed",
        "reason": "NodeLost",
        "message": "worker-0 was lost",
        "replica": "worker-0",
        "createdTime": "2026-11-21T10:59:00Z",
        "queuedTime": "2026-11-21T10:59:00Z",
        "startTime": "2026-11-21T11:00:00Z",
        "endTime": "2026-11-21T11:07:00Z",
        "spec": {"image": "python:3.12"},
        "parameters": {"epochs": 3},
        "environment": {"name": None, "version": None, "image": "python:3.12"},
        "source": {"revision": None},
        "inputs": [],
        "attempts": [
            {
                "number": 1,
                "startTime": "2026-11-21T11:00:00Z",
                "endTime": "2026-11-21T11:06:00Z",
                "reason": "NodeLost",
                "message": "worker-0 was lost",
                "replica": "worker-0",
                "node": "node-1",
                "lost": [],
            }
        ],
        "metrics": {"loss": {"last": 0.5, "step": 1, "time": None, "min": None, "max": None, "count": None}},
        "outputs": {"files": None, "bytes": None, "complete": None, "manifestDigest": None},
        **more,
    }


def write(replica: Replica, told: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    env = {**replica.env, "FOOTPLATE_RECORD": json.dumps(told)}
    command = [sys.executable, "-m", "footplate_runtime.record"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_where_no_agent_ever_ran(replica: Replica) -> None:
    done = write(replica, verdict(replica, attempts=[], attempt=0, reason="EnvironmentBuildFailed", metrics={}))
    assert done.returncode == 0, done.stdout + done.stderr
    found = replica.json("run.json")
    assert set(found) == FIELDS
    assert (found["phase"], found["reason"], found["attempts"]) == ("Failed", "EnvironmentBuildFailed", [])
    assert (found["job"]["experiment"], found["parameters"]) == ("mnist", {"epochs": 3})
    assert replica.termination_log.read_text() == f"{replica.store.uri}run.json says Failed."


def test_over_what_an_agent_that_was_killed_left(replica: Replica) -> None:
    replica.write("outputs/model", b"weights")
    replica.write("state/console.log", b"epoch 1\nepoch 2\n")
    replica.log_scalar("loss", 0.9, 1)
    replica.log_scalar("loss", 0.3, 2)
    with AgentProcess(replica) as agent:
        eventually(lambda: replica.keys("outputs/") and replica.keys("logs/"), "outputs and logs")
        eventually(lambda: _loss(replica), "the record of the running attempt")
        running = replica.json("run.json")
        agent.kill()
    assert (running["phase"], set(running)) == ("Running", FIELDS)

    assert write(replica, verdict(replica)).returncode == 0
    found = replica.json("run.json")
    assert (found["phase"], found["reason"], found["replica"]) == ("Failed", "NodeLost", "worker-0")
    (attempt,) = found["attempts"]
    assert (attempt["reason"], attempt["node"], attempt["lastLines"]) == ("NodeLost", "node-1", ["epoch 1", "epoch 2"])
    assert (found["metrics"]["loss"]["min"], found["metrics"]["loss"]["count"]) == (0.3, 2)
    assert found["outputs"] == {"files": 1, "bytes": 7, "complete": False, "manifestDigest": None}
    assert found["endTime"] == "2026-11-21T11:07:00Z"


def test_an_agent_that_comes_back_does_not_judge_again(replica: Replica) -> None:
    """The node was thought lost: its outputs are taken, its word on the attempt is not."""
    with AgentProcess(replica) as agent:
        eventually(lambda: _record(replica), "the record")
        assert write(replica, verdict(replica)).returncode == 0
        replica.write("outputs/model", b"weights")
        replica.log_scalar("accuracy", 0.9)
        replica.write_exit(0)
        assert agent.stop() == 0
    found = replica.json("run.json")
    assert (found["phase"], found["reason"]) == ("Failed", "NodeLost")
    assert [a["reason"] for a in found["attempts"]] == ["NodeLost"]
    assert found["outputs"]["manifestDigest"] == replica.termination()["manifestDigest"]
    assert found["metrics"]["accuracy"]["last"] == 0.9
    assert replica.termination()["record"] == "Failed"


def test_a_later_attempt_is_not_written_over(replica: Replica) -> None:
    """The recorder of a suspension that is late."""
    second = replace(replica, attempt=2)
    with AgentProcess(second):
        before = eventually(lambda: _record(replica), "the record")
        assert write(replica, verdict(replica, phase="Suspended", reason="Suspended")).returncode == 0
        assert replica.json("run.json") == before


def test_twice_is_once(replica: Replica) -> None:
    assert write(replica, verdict(replica)).returncode == 0
    before = replica.store.get("run.json")
    assert write(replica, verdict(replica)).returncode == 0
    assert replica.store.get("run.json") == before


def test_a_store_that_is_not_there_is_tried_for_a_while_and_named(replica: Replica) -> None:
    replica.secret = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "mine"}
    told = verdict(replica, seconds=2, store={"uri": "s3://runs", "endpoint": "http://127.0.0.1:9", "region": None})
    told["uri"] = "s3://runs/default/digits-1a2b3c4d/"
    begun = time.monotonic()
    done = write(replica, told)
    assert time.monotonic() - begun < 45
    assert done.returncode == 1
    assert "s3://runs/default/digits-1a2b3c4d/run.json cannot be reached" in replica.termination_log.read_text()


def test_orders_that_are_none(replica: Replica) -> None:
    done = write(replica, {"version": 2})
    assert done.returncode == 2
    assert "use an operator and a runtime image of the same version" in replica.termination_log.read_text()


def _record(replica: Replica) -> dict[str, Any] | None:
    try:
        return replica.json("run.json")
    except NotFound:
        return None


def _loss(replica: Replica) -> bool:
    return "loss" in ((_record(replica) or {}).get("metrics") or {})
