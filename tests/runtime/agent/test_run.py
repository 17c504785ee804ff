"""The agent as a process, from the program's first line to the manifest."""

from __future__ import annotations

import hashlib
import os

from replica import AgentProcess, Replica, eventually

from footplate_runtime.store import NotFound


def test_everything_is_in_the_store_at_the_end(replica: Replica) -> None:
    replica.write("state/console.log", b"epoch 1\n")
    replica.write("outputs/report.json", b"{}")
    replica.write("outputs/model/weights.bin", b"\x00\xff" * 5000)
    replica.write("logs/debug.log", b"deep\n")
    replica.log_scalar("loss", 0.5, 1)
    replica.write_exit(0)
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0

    assert replica.keys() == [
        "attempt.json",
        "logs/1/worker-0.log",
        "logs/1/worker-0/debug.log",
        "manifest.json",
        "metrics/1/worker-0.jsonl",
        "outputs/model/weights.bin",
        "outputs/report.json",
        "run.json",
    ]
    manifest = replica.json("manifest.json")
    weights = hashlib.sha256(b"\x00\xff" * 5000).hexdigest()
    assert manifest["complete"] is True
    assert manifest["attempt"] == 1
    assert {"path": "outputs/model/weights.bin", "size": 10000, "sha256": weights} in manifest["files"]
    assert [file["path"] for file in manifest["files"]] == ["outputs/model/weights.bin", "outputs/report.json"]
    said = replica.termination()
    digest = hashlib.sha256(replica.store.get("manifest.json")).hexdigest()
    assert said["manifestDigest"] == f"sha256:{digest}"
    assert (said["complete"], said["files"], said["bytes"]) == (True, 2, 10002)
    assert (said["missing"], said["error"]) == ([], None)
    assert said["metrics"]["loss"] == {"value": 0.5, "step": 1, "time": "2024-11-21T11:10:01Z"}


def test_the_program_comes_first(replica: Replica) -> None:
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, agent.pid) == min(19, own + 5)


def test_outputs_go_up_while_the_program_runs(replica: Replica) -> None:
    with AgentProcess(replica) as agent:
        replica.write("outputs/checkpoint-1", b"one")
        replica.write("outputs/checkpoint-2.tmp", b"half")
        eventually(lambda: replica.keys("outputs/") == ["outputs/checkpoint-1"], "the checkpoint")

        replica.write("outputs/checkpoint-1", b"one again")
        eventually(lambda: replica.store.get("outputs/checkpoint-1") == b"one again", "the change")
        status = eventually(lambda: (s := agent.status())["uploaded"]["files"] and s, "the status")
        assert status["phase"] == "Running"
        assert status["uploaded"] == {"files": 1, "bytes": 9}
        assert status["pending"] == {"files": 0, "bytes": 0}
        assert status["errors"] == 0

        assert agent.stop() == 0
    assert replica.store.get("outputs/checkpoint-2.tmp") == b"half"


def test_a_file_renamed_into_place_goes_up_although_it_is_older(local: Replica) -> None:
    with AgentProcess(local) as agent:
        local.write("outputs/model", b"new")
        eventually(lambda: local.keys("outputs/"), "the first one")

        older = local.write("outputs/model.tmp", b"older but better")
        os.utime(older, (1, 1))
        older.rename(local.root / "outputs/model")
        eventually(lambda: local.store.get("outputs/model") == b"older but better", "the renamed one")
        assert agent.stop() == 0


def test_a_file_that_is_removed_stays_in_the_store(local: Replica) -> None:
    with AgentProcess(local) as agent:
        checkpoint = local.write("outputs/checkpoint-1", b"one")
        eventually(lambda: local.keys("outputs/"), "the checkpoint")
        checkpoint.unlink()
        assert agent.stop() == 0

    assert local.store.get("outputs/checkpoint-1") == b"one"
    assert local.json("manifest.json")["files"] == []


def test_another_rank_has_its_own_place(local: Replica) -> None:
    other = Replica(local.base, local.run_uri, index=1)
    other.write("outputs/shard-1", b"x")
    with AgentProcess(other) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0

    assert other.keys() == [f"ranks/worker-1/{name}" for name in ("attempt.json", "manifest.json", "outputs/shard-1")]
    assert [f["path"] for f in other.json("ranks/worker-1/manifest.json")["files"]] == ["outputs/shard-1"]


def test_a_program_that_left_no_report(local: Replica) -> None:
    local.write("outputs/a", b"x")
    with AgentProcess(local) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0

    record = local.json("run.json")
    assert record["phase"] == "Failed"
    assert "launcher was killed" in record["attempts"][0]["error"]
    assert local.termination()["complete"] is True


def test_the_record_gathers_attempts(replica: Replica) -> None:
    replica.write("state/fetch.json", b'{"version":1,"source":{"revision":"abc"},"inputs":[{"name":"d","files":3}]}')
    with AgentProcess(replica) as agent:
        running = eventually(lambda: _record(replica), "run.json")
        assert running["phase"] == "Running"
        assert running["attempts"][0]["endTime"] is None
        assert running["source"]["revision"] == "abc"
        assert running["inputs"] == [{"name": "d", "files": 3}]
        replica.write_exit(3, "ValueError: bad shape")
        assert agent.stop() == 0
    second = Replica(replica.base, replica.run_uri, replica.endpoint, replica.secret, attempt=2)
    second.log_scalar("loss", 0.25, 9)
    second.log_scalar("loss", 0.75, 10)
    second.write_exit(0)
    with AgentProcess(second) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0

    record = second.json("run.json")
    assert record["phase"] == "Completed"
    assert [a["number"] for a in record["attempts"]] == [1, 2]
    assert [a["exitCode"] for a in record["attempts"]] == [3, 0]
    assert record["attempts"][0]["error"] == "ValueError: bad shape"
    assert record["spec"] == {"nodes": 1}
    assert record["parameters"] == {"epochs": 3}
    loss = record["metrics"]["loss"]
    assert (loss["last"], loss["min"], loss["max"], loss["count"], loss["step"]) == (0.75, 0.25, 0.75, 2, 10)


def test_its_server(local: Replica) -> None:
    local.log_scalar("loss", "NaN", 3)
    with AgentProcess(local) as agent:
        status = eventually(lambda: (s := agent.status())["metrics"] and s, "metrics")
        assert status["metrics"] == {"loss": {"value": "NaN", "step": 3, "time": "2024-11-21T11:10:01Z"}}
        assert status["version"] == 1
        assert status["lastActivityTime"].endswith("Z")
        assert agent.get("/healthz") == b"ok\n"
        assert b"footplate_agent_pending_files 0\n" in agent.get("/metrics")


def test_a_taken_port_does_not_keep_it_from_its_work(local: Replica) -> None:
    local.write("outputs/a", b"x")
    with AgentProcess(local) as first:
        first.wait_for_log("Serving")
        port = first.log.split("127.0.0.1:", 1)[1].split("/", 1)[0]

        class OnTakenPort(Replica):
            @property
            def env(self) -> dict[str, str]:
                return {**super().env, "FOOTPLATE_AGENT_PORT": port}

        other = OnTakenPort(local.base, local.run_uri, index=1)
        other.write("outputs/b", b"y")
        with AgentProcess(other) as second:
            second.wait_for_log("Uploading")
            assert "is not served on" in second.log
            assert second.stop() == 0
    assert other.keys("ranks/") == [f"ranks/worker-1/{name}" for name in ("attempt.json", "manifest.json", "outputs/b")]


def _record(replica: Replica) -> object:
    try:
        return replica.json("run.json")
    except NotFound:
        return None
