"""Going on from an earlier attempt: fetch and the agents of two attempts as processes, over real stores."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from replica import AgentProcess, Replica, eventually
from s3_server import S3Server
from tcp_gate import gate


@pytest.fixture(params=["file", "s3"])
def first(request: pytest.FixtureRequest, tmp_path: Path) -> Replica:
    """A replica of the first attempt, once with each kind of store."""
    if request.param == "file":
        return Replica(tmp_path, (tmp_path / "store/default/digits-1a2b3c4d").as_uri() + "/")
    server: S3Server = request.getfixturevalue("s3_server")
    return Replica(tmp_path, server.new_uri(), server.endpoint, server.env)


def _run_to_its_end(replica: Replica, **outputs: bytes) -> None:
    """An attempt whose program writes these files, and fails."""
    for name, data in outputs.items():
        replica.write(f"outputs/{name}", data)
    replica.write_exit(1)
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0


def _resumed(replica: Replica) -> dict[str, Any]:
    done = replica.fetch()
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = replica.termination()["resumed"]
    return found


def _files(replica: Replica) -> dict[str, bytes]:
    top = replica.root / "outputs"
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_the_outputs_are_back_and_go_up_only_when_they_change(first: Replica) -> None:
    for path, data in {"last": b"epoch 3", "steps/2": b"two", "steps/3": b"three", "model.pt.tmp": b"to"}.items():
        first.write(f"outputs/{path}", data)
    _run_to_its_end(first)
    before = {entry.key: entry for entry in first.store.list("outputs/")}

    second = replace(first, attempt=2)
    assert _resumed(second) == {"files": 3, "bytes": 15, "damaged": []}
    assert _files(second) == {"last": b"epoch 3", "steps/2": b"two", "steps/3": b"three"}
    for path in (second.root / "outputs").rglob("*"):
        assert path.stat().st_mode & 0o022 == 0o022, f"{path} cannot be written by the program's user"
    restored = second.root / "outputs/last"
    assert abs(restored.stat().st_mtime - before["outputs/last"].modified.timestamp()) < 1

    with AgentProcess(second) as agent:
        agent.wait_for_log("Uploading")
        second.write("outputs/last", b"epoch 4")
        second.write("outputs/steps/4", b"four")
        (second.root / "outputs/steps/2").unlink()
        eventually(lambda: "outputs/steps/4" in second.keys("outputs/"), "the new checkpoint")
        second.write_exit(0)
        assert agent.stop() == 0

    manifest = second.json("manifest.json")
    assert (manifest["attempt"], manifest["complete"]) == (2, True)
    assert [file["path"] for file in manifest["files"]] == ["outputs/last", "outputs/steps/3", "outputs/steps/4"]
    assert (second.termination()["files"], second.termination()["bytes"]) == (3, 16)
    after = {entry.key: entry for entry in second.store.list("outputs/")}
    assert after["outputs/steps/3"] == before["outputs/steps/3"], "a file that did not change was sent again"
    assert second.store.get("outputs/last") == b"epoch 4"
    attempts = second.json("run.json")["attempts"]
    assert [(a["number"], a["exitCode"], a["outputsComplete"]) for a in attempts] == [(1, 1, True), (2, 0, True)]
    assert attempts[1]["resumed"] == {"files": 3, "bytes": 15, "damaged": []}
    assert attempts[0]["resumed"] is None


def test_other_replicas_get_the_primarys_and_keep_their_own(first: Replica) -> None:
    _run_to_its_end(first, model=b"of rank 0", notes=b"of rank 0")
    _run_to_its_end(replace(first, index=1), notes=b"of rank 1", trace=b"of rank 1")
    _run_to_its_end(replace(first, index=2), trace=b"of rank 2")

    second = replace(first, index=1, attempt=2)
    assert _resumed(second)["files"] == 3
    assert _files(second) == {"model": b"of rank 0", "notes": b"of rank 1", "trace": b"of rank 1"}

    with AgentProcess(second) as agent:
        agent.wait_for_log("Uploading")
        eventually(lambda: agent.status()["uploaded"]["files"] == 2, "its own two files, which are in the store")
        second.write("outputs/trace", b"longer")
        second.write_exit(0)
        assert agent.stop() == 0

    assert second.keys("ranks/worker-1/outputs/") == ["ranks/worker-1/outputs/notes", "ranks/worker-1/outputs/trace"]
    manifest = second.json("ranks/worker-1/manifest.json")
    assert [file["path"] for file in manifest["files"]] == ["outputs/notes", "outputs/trace"]
    assert second.store.get("outputs/model") == b"of rank 0"


def test_a_primarys_file_that_another_replica_changes_becomes_its_own(first: Replica) -> None:
    _run_to_its_end(first, model=b"of rank 0")

    second = replace(first, index=1, attempt=2)
    _resumed(second)
    _run_to_its_end(second, model=b"of rank 1")

    assert second.store.get("outputs/model") == b"of rank 0"
    assert second.store.get("ranks/worker-1/outputs/model") == b"of rank 1"


def test_an_agent_that_starts_again_still_knows_what_was_restored(first: Replica) -> None:
    _run_to_its_end(first, model=b"of rank 0")
    second = replace(first, index=1, attempt=2)
    _resumed(second)

    for _ in range(2):
        with AgentProcess(second) as agent:
            agent.wait_for_log("Uploading")
            os.kill(agent.pid, signal.SIGKILL)
    with AgentProcess(second) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0

    assert second.keys("ranks/worker-1/") == ["ranks/worker-1/attempt.json", "ranks/worker-1/manifest.json"]


def test_a_checkpoint_whose_upload_was_cut_comes_back_as_it_was_before(tmp_path: Path, s3_server: S3Server) -> None:
    """The pod dies while the newest version goes up in parts: nobody completes them, the whole one before is there."""
    with gate(s3_server.endpoint) as door:
        first = Replica(tmp_path, s3_server.new_uri(), door.endpoint, s3_server.env)
        with AgentProcess(first) as agent:
            first.write("outputs/model.pt", b"epoch 1")
            eventually(lambda: first.keys("outputs/"), "the first version")
            door.break_after(20 << 20, opens_again=False)
            first.write("outputs/model.pt", os.urandom(40 << 20))
            eventually(lambda: door.breaks, "the middle of the upload")
            os.kill(agent.pid, signal.SIGKILL)

    second = replace(first, endpoint=s3_server.endpoint, attempt=2)
    assert _resumed(second) == {"files": 1, "bytes": 7, "damaged": []}
    assert _files(second) == {"model.pt": b"epoch 1"}


def test_what_a_killed_writer_left_in_a_folder_is_no_output(tmp_path: Path) -> None:
    first = Replica(tmp_path, (tmp_path / "store/run").as_uri() + "/")
    _run_to_its_end(first, model=b"whole")
    (tmp_path / "store/run/outputs/.~footplate-0123456789abcdef").write_bytes(b"ha")
    (tmp_path / "store/run/manifest.json").unlink()  # as if it had died before its end

    second = replace(first, attempt=2)
    _resumed(second)

    assert _files(second) == {"model": b"whole"}


def test_an_object_that_is_not_what_the_manifest_says_is_left_out(first: Replica) -> None:
    _run_to_its_end(first, good=b"good", bad=b"good", lost=b"good")
    written = first.store.head("manifest.json").modified
    first.store.put("outputs/bad", b"evil")
    first.store.delete("outputs/lost")
    while first.store.head("manifest.json").modified <= max(written, first.store.head("outputs/bad").modified):
        first.store.put("manifest.json", first.store.get("manifest.json"))  # so that it speaks for the object

    second = replace(first, attempt=2)
    done = second.fetch()

    assert done.returncode == 0, done.stderr
    assert _files(second) == {"good": b"good"}
    assert second.termination()["resumed"] == {"files": 1, "bytes": 4, "damaged": ["outputs/bad", "outputs/lost"]}
    assert "outputs/bad is damaged in the store: its sha256 is" in done.stdout
    assert "outputs/lost is in the manifest and no longer in the store" in done.stdout


def test_a_first_attempt_starts_empty_whatever_the_store_holds(first: Replica) -> None:
    first.store.put("outputs/model", b"of somebody")

    done = first.fetch()

    assert done.returncode == 0
    assert first.termination()["resumed"] is None
    assert _files(first) == {}


def test_an_attempt_after_one_that_wrote_nothing(first: Replica) -> None:
    second = replace(first, attempt=2)

    assert _resumed(second) == {"files": 0, "bytes": 0, "damaged": []}


def test_a_fetch_that_was_killed_begins_again(first: Replica) -> None:
    _run_to_its_end(first, model=b"whole")
    second = replace(first, attempt=2)
    second.write("outputs/half", b"of a fetch before")

    _resumed(second)

    assert _files(second) == {"model": b"whole"}


def test_a_store_that_refuses_ends_fetch_with_a_reason(tmp_path: Path, s3_server: S3Server) -> None:
    wrong = {**s3_server.env, "AWS_SECRET_ACCESS_KEY": "wrong"}
    second = Replica(tmp_path, s3_server.new_uri(), s3_server.endpoint, wrong, attempt=2)

    assert second.fetch().returncode == 1

    error = second.termination()["error"]
    assert error["reason"] == "ResumeFailed"
    assert error["message"].startswith("The outputs of earlier attempts: The store refused access")


def test_a_connection_that_breaks_goes_on_where_it_was(tmp_path: Path, s3_server: S3Server) -> None:
    data = os.urandom(24 << 20)
    uri = s3_server.new_uri()
    first = Replica(tmp_path, uri, s3_server.endpoint, s3_server.env)
    _run_to_its_end(first, model=data)
    with gate(s3_server.endpoint) as door:
        second = replace(first, attempt=2, endpoint=door.endpoint)
        door.break_after(8 << 20, opens_again=True)
        done = second.fetch()

    assert done.returncode == 0, done.stderr
    assert door.breaks == 1
    assert "outputs of earlier attempts: 24.0 MiB of 24.0 MiB (100 %), 1 file" in done.stdout
    assert _files(second) == {"model": data}
