"""``outputs.mirrorDeletes``: what goes from the store because the program deleted it, and what never does."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Collection

import pytest
from replica import AgentProcess, Replica, eventually

from footplate_runtime.agent.mirror import Mirror


@pytest.fixture
def mirrored(local: Replica) -> Replica:
    local.mirror_deletes = True
    local.write_orders()
    return local


def _paths(replica: Replica) -> list[str]:
    return [key.removeprefix("outputs/") for key in replica.keys("outputs/")]


def _listed(replica: Replica) -> list[str]:
    return [file["path"].removeprefix("outputs/") for file in replica.json("manifest.json")["files"]]


def test_what_is_deleted_goes_from_the_store(replica: Replica) -> None:
    replica.mirror_deletes = True
    replica.write_orders()
    with AgentProcess(replica) as agent:
        for i in range(4):
            replica.write(f"outputs/checkpoint-{i}/model", b"x")
        replica.write("outputs/with\nodd % name#1", b"x")
        eventually(lambda: len(_paths(replica)) == 5, "the files")

        shutil.rmtree(replica.root / "outputs/checkpoint-0")
        (replica.root / "outputs/with\nodd % name#1").unlink()
        left = ["checkpoint-1/model", "checkpoint-2/model", "checkpoint-3/model"]
        eventually(lambda: _paths(replica) == left, "the deletion")
        assert "has deleted" in agent.log

        (replica.root / "outputs/checkpoint-1").rename(replica.root / "outputs/best")
        (replica.root / "outputs/checkpoint-2/model").unlink()  # too late for a scan: the drain finds it
        assert agent.stop() == 0

    assert _paths(replica) == _listed(replica) == ["best/model", "checkpoint-3/model"]


def test_what_was_deleted_while_there_was_no_agent(mirrored: Replica) -> None:
    with AgentProcess(mirrored) as agent:
        for name in "ab":
            mirrored.write(f"outputs/{name}", b"x")
        eventually(lambda: agent.status()["uploaded"]["files"] == 2, "the files")
        os.kill(agent.pid, signal.SIGKILL)
    (mirrored.root / "outputs/a").unlink()
    with AgentProcess(mirrored) as agent:
        eventually(lambda: _paths(mirrored) == ["b"], "the deletion")
        assert agent.stop() == 0
    assert _listed(mirrored) == ["b"]


def test_what_an_earlier_attempt_left_counts_as_ones_own(mirrored: Replica) -> None:
    with AgentProcess(mirrored) as agent:
        for name in "ab":
            mirrored.write(f"outputs/{name}", b"x")
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0
    second = Replica(mirrored.base, mirrored.run_uri, attempt=2, mirror_deletes=True)
    assert second.fetch().returncode == 0
    with AgentProcess(second) as agent:
        agent.wait_for_log("Uploading")
        (second.root / "outputs/a").unlink()
        eventually(lambda: _paths(second) == ["b"], "the deletion")
        assert agent.stop() == 0
    assert _listed(second) == ["b"]


def test_what_others_put_there_stays(mirrored: Replica) -> None:
    mirrored.store.put("outputs/by hand", b"x")
    mirrored.store.put("ranks/worker-1/outputs/of another rank", b"x")
    with AgentProcess(mirrored) as agent:
        mirrored.write("outputs/a", b"x")
        eventually(lambda: agent.status()["uploaded"]["files"] == 1, "the file")
        (mirrored.root / "outputs/a").unlink()
        eventually(lambda: _paths(mirrored) == ["by hand"], "the deletion")
        assert agent.stop() == 0
    assert mirrored.keys("ranks/") == ["ranks/worker-1/outputs/of another rank"]


def test_files_of_the_primary_that_another_rank_deletes_stay(mirrored: Replica) -> None:
    with AgentProcess(mirrored) as agent:
        mirrored.write("outputs/model", b"x")
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0
    other = Replica(mirrored.base, mirrored.run_uri, index=1, attempt=2, mirror_deletes=True)
    assert other.fetch().returncode == 0
    (other.root / "outputs/model").unlink()
    with AgentProcess(other) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0
    assert _paths(mirrored) == ["model"]


@pytest.mark.parametrize("how", ["unreadable", "a link", "gone", "ignored"])
def test_what_cannot_be_seen_is_not_deleted(mirrored: Replica, without_override: list[str], how: str) -> None:
    outputs = mirrored.root / "outputs"
    with AgentProcess(mirrored, before=without_override) as agent:
        mirrored.write("outputs/sub/a", b"x")
        mirrored.write("outputs/b", b"x")
        eventually(lambda: agent.status()["uploaded"]["files"] == 2, "the files")
        match how:
            case "unreadable":
                (outputs / "sub").chmod(0)
                (outputs / "b").unlink()
            case "a link":
                outputs.rename(mirrored.root / "moved")
                outputs.symlink_to(mirrored.root / "moved")
            case "gone":
                outputs.rename(mirrored.root / "moved")
            case "ignored":
                mirrored.write("outputs/.footplateignore", b"*\n")
        mirrored.append("state/console.log", b"x\n")
        eventually(lambda: agent.status()["uploaded"]["files"] < 2, "another scan")
        code = agent.stop()
        (outputs / "sub").chmod(0o700) if how == "unreadable" else None
    assert _paths(mirrored) == ["b", "sub/a"]
    assert code == (how == "unreadable")


def _deletable(mirror: Mirror, missed: str, waiting: str, all_known: bool = True) -> Collection[str]:
    return "".join(sorted(mirror.deletable(missed, waiting, all_known)))


def test_two_scans_must_miss_it() -> None:
    mirror = Mirror()
    assert _deletable(mirror, "a", "") == ""
    assert _deletable(mirror, "ab", "") == "a"
    assert _deletable(mirror, "b", "") == "b"
    assert _deletable(mirror, "c", "") == ""
    assert _deletable(mirror, "", "") == ""  # it came back
    assert _deletable(mirror, "c", "") == ""


def test_deletions_come_after_what_waited_beside_them() -> None:
    mirror = Mirror()
    assert _deletable(mirror, "a", "xy") == ""
    assert _deletable(mirror, "a", "x") == ""
    assert _deletable(mirror, "a", "z") == "a"  # z came later: it is not what a was renamed to


def test_nothing_is_deleted_while_more_waits_than_is_known() -> None:
    mirror = Mirror()
    assert _deletable(mirror, "a", "x") == ""
    assert _deletable(mirror, "a", "", all_known=False) == ""
    assert _deletable(mirror, "a", "") == "a"
