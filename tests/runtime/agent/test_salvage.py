"""`footplate upload --pod-dir` on volumes of replicas whose agents did not come to the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from replica import PATIENCE, AgentProcess, Replica, eventually

from footplate_runtime.store import open_store
from footplate_runtime.turns import Turn, announce


def upload(pod_dir: Path, *arguments: str, keys: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command as a user calls it, with keys of a store in its environment."""
    command = [str(Path(sys.executable).with_name("footplate")), "upload", "--pod-dir", str(pod_dir), *arguments]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        command, env={**kept, **(keys or {})}, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.fixture
def kept(replica: Replica) -> Replica:
    """The volume of a replica whose node went down when some of it was in the store."""
    replica.metrics = {"stdout": [r"epoch (?P<epoch>\d+)"]}
    replica.write_orders()
    assert replica.fetch().returncode == 0
    with AgentProcess(replica) as agent:
        replica.write("outputs/checkpoint-1", b"one")
        replica.append("state/console.log", b"epoch 1\n")
        eventually(lambda: replica.keys("outputs/") and replica.keys("logs/"), "the first checkpoint")
        os.kill(agent.pid, signal.SIGKILL)
    replica.write("outputs/checkpoint-2", b"two and more")
    replica.append("state/console.log", b"epoch 2\n")
    replica.log_scalar("loss", 0.5, 2)
    return replica


def test_what_was_left_goes_where_it_belongs(kept: Replica) -> None:
    done = upload(kept.root, keys=kept.secret)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"worker-0 of attempt 1: {kept.root} -> {kept.run_uri}",
        f"complete: 2 output files (15 B), logs and metrics in {kept.run_uri}",
    ]
    assert kept.store.get("logs/1/worker-0.log") == b"epoch 1\nepoch 2\n"
    assert kept.store.get("outputs/checkpoint-2") == b"two and more"
    manifest = kept.json("manifest.json")
    assert (manifest["complete"], [f["path"] for f in manifest["files"]]) == (
        True,
        ["outputs/checkpoint-1", "outputs/checkpoint-2"],
    )
    record = kept.json("run.json")
    assert (record["phase"], record["attempts"][0]["outputsComplete"]) == ("Failed", True)
    assert {name: (metric["last"], metric["count"]) for name, metric in record["metrics"].items()} == {
        "loss": (0.5, 1),
        "epoch": (2, 2),
    }

    sent = {entry.key: entry.etag for entry in kept.store.list("outputs/")}
    again = upload(kept.root, keys=kept.secret)
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert {entry.key: entry.etag for entry in kept.store.list("outputs/")} == sent, "it was sent again"


@pytest.mark.parametrize("place", ["volumes/kubernetes.io~empty-dir/footplate", "volumes/footplate"])
def test_the_folder_of_a_pod_on_its_node(local: Replica, tmp_path: Path, place: str) -> None:
    assert local.fetch().returncode == 0
    local.write("outputs/model", b"m")
    volume = tmp_path / "pods/uid" / place
    volume.parent.mkdir(parents=True)
    local.root.rename(volume)
    (volume / "launch/launch.json").unlink()  # the ConfigMap is a volume of its own, and gone
    done = upload(tmp_path / "pods/uid")
    assert done.returncode == 0, done.stderr
    assert local.keys("outputs/") == ["outputs/model"]


def test_a_later_attempt_is_not_written_over(kept: Replica, tmp_path: Path) -> None:
    announce(kept.store, "", Turn(2, 0))
    before = kept.keys()
    done = upload(kept.root, keys=kept.secret)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: This volume is of attempt 1, and attempt 2 of worker-0 has begun")
    assert kept.keys() == before

    elsewhere = (tmp_path / "salvaged").as_uri()
    done = upload(kept.root, "--store", elsewhere, keys=kept.secret)
    assert done.returncode == 0, done.stderr
    run = "/".join(kept.run_uri.rstrip("/").split("/")[-2:])
    salvaged = open_store(f"{elsewhere}/{run}/")
    assert {entry.key for entry in salvaged.list("outputs/")} == {"outputs/checkpoint-1", "outputs/checkpoint-2"}
    assert salvaged.get("logs/1/worker-0.log") == b"epoch 1\nepoch 2\n"
    assert kept.keys() == before


def test_keys_that_are_refused_are_told_at_once(in_s3: Replica) -> None:
    assert in_s3.fetch().returncode == 0
    done = upload(in_s3.root, keys=in_s3.secret | {"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert done.returncode == 1
    assert "refused access" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_cannot_be_stored_is_named(local: Replica) -> None:
    assert local.fetch().returncode == 0
    local.write("outputs/" + "/".join(["n" * 200] * 6), b"x")
    local.write("outputs/model", b"m")
    done = upload(local.root)
    assert done.returncode == 1
    assert "is longer than the 1024 bytes a store takes" in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("missing: outputs/nnn")]
    assert local.store.get("outputs/model") == b"m"
    assert local.json("manifest.json")["complete"] is False


def test_a_volume_that_an_agent_works_in(local: Replica) -> None:
    assert local.fetch().returncode == 0
    with AgentProcess(local) as agent:
        agent.wait_for_log("Uploading")
        done = upload(local.root)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: An agent is at work in {local.root}.")
        assert agent.stop() == 0
    assert upload(local.root).returncode == 0


def test_an_agent_waits_for_the_one_before(local: Replica) -> None:
    """The kubelet may start it again before the killed one is gone; it must not end for that."""
    with AgentProcess(local) as first:
        first.wait_for_log("Uploading")
        with AgentProcess(local) as second:
            os.kill(first.pid, signal.SIGKILL)
            second.wait_for_log("Uploading")
            assert second.stop() == 0


def test_a_folder_that_is_no_volume(tmp_path: Path) -> None:
    done = upload(tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path} holds no volume of a replica (state/replica.json is not there)" in done.stderr
    (tmp_path / "state").mkdir()
    (tmp_path / "state/replica.json").write_text("{}")
    assert "is not understood" in upload(tmp_path).stderr
