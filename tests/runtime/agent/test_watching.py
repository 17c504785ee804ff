"""The agent as a process over many idle files: what changes is seen at once, although the scan of all is rare."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from replica import AgentProcess, Replica, eventually

from footplate_runtime.store import NotFound

IDLE = 10_000  # the pause between scans of so many is ten seconds or more


def _fill(replica: Replica, count: int, in_store: bool = False) -> None:
    """So many files that an agent before this one has uploaded, as its journal says."""
    outputs, stored = replica.root / "outputs", Path(replica.run_uri.removeprefix("file://")) / "outputs"
    with open(replica.root / "state/journal.jsonl", "w") as journal:
        for i in range(count):
            name = f"shard-{i // 1000}/{i}.json"
            if i % 1000 == 0:
                (outputs / name).parent.mkdir()
                (stored / name).parent.mkdir(parents=True)
            (outputs / name).touch()
            if in_store:
                (stored / name).touch()
            stat = os.stat(outputs / name)
            stamp = [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
            journal.write(json.dumps({"key": f"outputs/{name}", "stamp": stamp, "sha256": "ab" * 32}) + "\n")


def _write(folder: Path) -> None:
    (folder / "model").write_bytes(b"new")


def _write_slowly(folder: Path) -> None:
    with open(folder / "model", "wb", buffering=0) as file:
        file.write(b"ne")
        time.sleep(0.5)
        file.write(b"w")


def _keep_open(folder: Path) -> None:
    os.write(os.open(folder / "model", os.O_CREAT | os.O_WRONLY), b"new")


def _rename(folder: Path) -> None:
    (folder / "model.tmp").write_bytes(b"new")
    (folder / "model.tmp").rename(folder / "model")


def _rename_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.with_name("elsewhere.tmp").mkdir()
    (folder.with_name("elsewhere.tmp") / "model").write_bytes(b"new")
    folder.with_name("elsewhere.tmp").rename(folder)


def _link(folder: Path) -> None:
    (folder / "model.tmp").write_bytes(b"new")
    os.link(folder / "model.tmp", folder / "model")


SOON = [
    (_rename, 1.0), (_rename_folder, 1.0), (_write, 2.5), (_write_slowly, 3.0), (_keep_open, 4.0), (_link, 4.0),
]  # fmt: skip


def test_many_idle_files_cost_next_to_nothing_and_what_changes_among_them_goes_up_soon(local: Replica) -> None:
    """The quiet time of two seconds and the tick of one are in the bounds, and some room for a busy machine; the
    benchmark agent_watch.py has the numbers for 100,000 files."""
    _fill(local, IDLE)
    for act, _ in SOON:
        (local.root / "outputs" / act.__name__).mkdir()
    with AgentProcess(local) as agent:
        eventually(lambda: agent.status()["uploaded"]["files"] == IDLE, "the first scan")
        time.sleep(1.2)  # another tick: what follows is no part of the scan
        before = _processor_seconds(agent.pid)
        time.sleep(5)
        assert _processor_seconds(agent.pid) - before < 0.1  # twice the share: its clock has a hundred ticks a second

        for act, seconds in SOON:
            began = time.monotonic()
            act(local.root / "outputs" / act.__name__)
            key = f"outputs/{act.__name__}/model"
            eventually(lambda key=key: _stored(local, key) == b"new", f"the change of {key}")
            assert time.monotonic() - began < seconds + 4, key
        assert agent.status()["watch"] == {"mode": "inotify", "reason": None}


def _stored(replica: Replica, key: str) -> bytes | None:
    try:
        return replica.store.get(key)
    except NotFound:
        return None


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    ("count", "most"), [(10_000, 48 << 20), pytest.param(100_000, 128 << 20, marks=pytest.mark.full_size)]
)
def test_many_files_need_little_memory(local: Replica, count: int, most: int) -> None:
    """An agent that takes over from one that was killed, from its first scan to the manifest."""
    _fill(local, count, in_store=True)
    for i in range(500):
        local.write(f"outputs/new/{i}", b"new")
    with AgentProcess(local) as agent, agent.watched_memory() as peak:
        eventually(lambda: agent.status()["uploaded"]["files"] == count + 500, "all")
        assert agent.stop() == 0
    assert len(local.json("manifest.json")["files"]) == count + 500
    assert 20 << 20 < peak() < most


LIMITS = [("max_inotify_instances", 0, "max_user_instances"), ("max_inotify_watches", 1, "max_user_watches")]


@pytest.mark.parametrize(("limit", "value", "said"), LIMITS)
def test_without_inotify_files_are_polled(local: Replica, limit: str, value: int, said: str) -> None:
    """In a user namespace of its own the kernel refuses this agent what other pods of its user have used up."""
    with AgentProcess(local, before=_limited(limit, value)) as agent:
        agent.wait_for_log("Uploading")
        local.write("outputs/model.tmp", b"new").rename(local.root / "outputs/model")
        eventually(lambda: local.keys("outputs/") == ["outputs/model"], "the file")
        watch = agent.status()["watch"]
        assert watch["mode"] == "polling"
        assert said in watch["reason"]
        assert agent.log.count(watch["reason"]) == 1
        assert agent.stop() == 0


def _limited(limit: str, value: int) -> Sequence[str]:
    script = f'echo {value} > /proc/sys/user/{limit} && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"]
    if not shutil.which("unshare") or subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespaces here in which inotify could be limited")
    return command


def test_a_frozen_agent_misses_nothing(local: Replica) -> None:
    """The kernel's queue runs over while it cannot read it."""
    with AgentProcess(local) as agent:
        eventually(lambda: agent.status()["watch"], "its start")
        agent.freeze()
        for i in range(1000):
            folder = local.root / f"outputs/{i % 10}/{i}"
            folder.mkdir(parents=True)
            for name in ("a", "b"):
                (folder / f"{name}.tmp").touch()
                for j in range(6):
                    (folder / f"{name}.tmp").rename(folder / f"{name}.{j % 2}.tmp")
                    (folder / f"{name}.{j % 2}.tmp").rename(folder / f"{name}.tmp")
                (folder / f"{name}.tmp").rename(folder / name)
        agent.thaw()
        eventually(lambda: agent.status()["uploaded"]["files"] == 2000, "all files")
        assert agent.stop() == 0
    assert len(local.json("manifest.json")["files"]) == 2000
