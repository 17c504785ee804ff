"""The agent when the world is against it: killed, cut off from its store, refused, and given strange files."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from replica import AgentProcess, Replica, eventually
from s3_server import S3Server
from tcp_gate import gate

from footplate_runtime.store import open_store, path_of_key, read_growing


def test_a_killed_agent_goes_on_where_it_was(local: Replica) -> None:
    with AgentProcess(local) as agent:
        for i in range(20):
            local.write(f"outputs/first-{i}", b"x" * i)
        local.append("state/console.log", b"before\n")
        eventually(lambda: len(local.keys("outputs/")) == 20 and local.keys("logs/"), "the first files")
        journal = local.root / "state/journal.jsonl"
        eventually(lambda: journal.read_text().count("outputs/first-") == 20, "the journal")
        os.kill(agent.pid, signal.SIGKILL)
    local.append("state/journal.jsonl", b'{"key": "outputs/first-3", "sta')  # torn by the kill
    sent = {entry.key: entry.etag for entry in local.store.list("outputs/")}
    local.append("state/console.log", b"while it was away\n")
    local.write("outputs/second", b"y")

    with AgentProcess(local) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0

    assert len(local.json("manifest.json")["files"]) == 21
    now = {entry.key: entry.etag for entry in local.store.list("outputs/")}
    assert {key: now[key] for key in sent} == sent, "what was there has been sent again"
    assert local.keys("logs/") == ["logs/1/worker-0.log"]
    assert local.store.get("logs/1/worker-0.log") == b"before\nwhile it was away\n"
    assert len(local.json("run.json")["attempts"]) == 1


def test_a_killed_agent_loses_no_line_of_the_console(local: Replica) -> None:
    expected = b""
    for round_ in range(3):
        with AgentProcess(local) as agent:
            agent.wait_for_log("Uploading")
            for i in range(3):
                expected += f"{round_}.{i}\n".encode()
                local.append("state/console.log", f"{round_}.{i}\n".encode())
                time.sleep(0.3)
            eventually(lambda: local.keys("logs/"), "a segment")
            os.kill(agent.pid, signal.SIGKILL)
    with AgentProcess(local) as agent:
        eventually(lambda: b"".join(read_growing(local.store, "logs/1/worker-0.log")) == expected, "all lines")
        assert agent.stop() == 0
    assert local.store.get("logs/1/worker-0.log") == expected


def test_a_store_that_goes_away_and_comes_back(tmp_path: Path, s3_server: S3Server) -> None:
    with gate(s3_server.endpoint) as door:
        replica = Replica(tmp_path, s3_server.new_uri(), door.endpoint, s3_server.env)
        with AgentProcess(replica) as agent:
            replica.write("outputs/before", b"1")
            eventually(lambda: agent.status()["uploaded"]["files"] == 1, "the first file")
            door.shut()
            for i in range(50):
                replica.write(f"outputs/during-{i}", b"2")
            replica.append("state/console.log", b"hello\n")
            status = eventually(lambda: (s := agent.status())["errors"] and s, "an error")
            assert "cannot be reached" in status["lastError"]
            assert status["pending"]["files"] == 50
            agent.terminate()
            eventually(lambda: agent.status()["phase"] == "Draining", "the drain")
            assert replica.termination()["complete"] is False  # what a kill would leave
            door.open()
            assert agent.stop() == 0
        manifest = replica.json("manifest.json")
        assert manifest["complete"] is True
        assert len(manifest["files"]) == 51
        assert replica.store.get("logs/1/worker-0.log") == b"hello\n"


def test_a_store_that_stays_away(tmp_path: Path, s3_server: S3Server) -> None:
    with gate(s3_server.endpoint) as door:
        door.close()
        replica = Replica(tmp_path, s3_server.new_uri(), door.endpoint, s3_server.env, grace=4)
        replica.write("outputs/model.pt", b"x")
        with AgentProcess(replica) as agent:
            agent.wait_for_log("Uploading")
            started = time.monotonic()
            assert agent.stop() == 1
            assert time.monotonic() - started < 6

    said = replica.termination()
    assert said["complete"] is False
    assert said["missing"] == ["outputs/model.pt"]
    assert "Connection refused" in said["error"]
    assert said["manifestDigest"] is None


def test_a_store_that_refuses_the_keys(in_s3: Replica) -> None:
    in_s3.secret = in_s3.secret | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    in_s3.grace = 4
    for i in range(15):
        in_s3.write(f"outputs/{i:02d}", b"x")
    with AgentProcess(in_s3) as agent:
        status = eventually(lambda: (s := agent.status())["errors"] and s, "an error")
        assert "refused access" in status["lastError"]
        started = time.monotonic()
        assert agent.stop() == 1
        assert time.monotonic() - started < 6

    said = in_s3.termination()
    assert said["complete"] is False
    assert len(set(said["missing"])) == 10
    assert set(said["missing"]) <= {f"outputs/{i:02d}" for i in range(15)}
    assert "Secret" in said["error"]


def test_a_run_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the store should be")
    replica = Replica(tmp_path, (tmp_path / "store/run").as_uri() + "/", grace=3)
    replica.write("outputs/a", b"x")
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 1

    assert replica.termination()["missing"] == ["outputs/a"]
    assert "a file and a folder cannot have the same name" in replica.termination()["error"]


def test_any_name_arrives(replica: Replica) -> None:
    names = [b"with space", b"new\nline", b"tab\there", b"\xff\xfe not utf-8", "ünïcödé".encode()]
    names += [b"100%", b"%41", b"a#1", b"back\\slash", b"-rf", b"~", b"a:b?c*d|e", b"x" * 200]
    for name in names:
        replica.write(b"outputs/" + name, name)
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0

    stored = {path_of_key(key): replica.store.get(key) for key in replica.keys("outputs/")}
    assert stored == {b"outputs/" + name: name for name in names}


def test_what_is_excluded_stays_behind(local: Replica) -> None:
    local.exclude = ["*.ckpt", "cache/*", "scratch"]
    local.write_orders()
    for path in ("keep", "a.ckpt", "deep/b.ckpt", "cache/x", "scratch/y", "deep/scratch/z", "deep/cache/kept"):
        local.write(f"outputs/{path}", b"x")
    with AgentProcess(local) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0

    assert local.keys("outputs/") == ["outputs/deep/cache/kept", "outputs/keep"]


def test_links_do_not_give_away_what_lies_outside(local: Replica) -> None:
    secret = local.base / "secret"
    secret.mkdir()
    (secret / "key").write_text("very secret")
    outputs = local.root / "outputs"
    (outputs / "file").symlink_to(secret / "key")
    (outputs / "folder").symlink_to(secret)
    (outputs / "environ").symlink_to("/proc/self/environ")
    (outputs / "loop").symlink_to(".")
    os.mkfifo(outputs / "pipe")
    local.write("outputs/epoch-3/model", b"m")
    (outputs / "latest").symlink_to("epoch-3")
    (outputs / "best").symlink_to("epoch-3/model")
    (local.root / "state/console.log").symlink_to("/proc/self/environ")
    with AgentProcess(local) as agent:
        agent.wait_for_log("Uploading")
        code = agent.stop()

    assert local.keys("outputs/") == ["outputs/best", "outputs/epoch-3/model", "outputs/latest/model"]
    assert local.store.get("outputs/best") == b"m"
    assert local.keys("logs/") == []
    assert code == 0


def test_outputs_that_are_replaced_by_a_link(local: Replica) -> None:
    (local.root / "outputs").rmdir()
    (local.root / "outputs").symlink_to("/proc/self")
    with AgentProcess(local) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0

    assert local.keys("outputs/") == []


def test_a_file_that_is_still_being_written(local: Replica) -> None:
    """While it changes it is left alone; what arrives is what it was at the end."""
    with AgentProcess(local) as agent, open(local.root / "outputs/growing", "wb", buffering=0) as file:
        agent.wait_for_log("Uploading")
        for _ in range(30):
            file.write(b"x" * 100_000)
            assert local.keys("outputs/") == []
            time.sleep(0.1)
        eventually(lambda: local.keys("outputs/"), "the file")
        assert local.store.head("outputs/growing").size == 3_000_000
        file.truncate(10)
        assert agent.stop() == 0
    assert local.store.head("outputs/growing").size == 10
    assert local.json("manifest.json")["files"][0]["size"] == 10


def test_what_the_store_loses_is_sent_again(local: Replica) -> None:
    with AgentProcess(local) as agent:
        local.write("outputs/a", b"x")
        local.write("outputs/b", b"y")
        eventually(lambda: local.keys("outputs/") == ["outputs/a", "outputs/b"], "the files")
        eventually(lambda: agent.status()["uploaded"]["files"] == 2, "their acknowledgement")
        local.store.delete("outputs/a")
        assert agent.stop() == 0

    assert local.keys("outputs/") == ["outputs/a", "outputs/b"]


def test_a_big_file_needs_little_memory(in_s3: Replica) -> None:
    with open(in_s3.root / "outputs/big", "wb") as file:
        file.truncate(200 << 20)
    for i in range(300):
        in_s3.write(f"outputs/small-{i}", os.urandom(8192))
    with AgentProcess(in_s3) as agent:
        agent.wait_for_log("Uploading")
        agent.terminate()
        peak = 0

        def ended() -> bool:
            nonlocal peak
            if not agent.running:
                return True
            peak = max(peak, agent.peak_memory())
            return False

        eventually(ended, "the end")
        assert agent.stop() == 0

    assert in_s3.store.head("outputs/big").size == 200 << 20
    assert len(in_s3.json("manifest.json")["files"]) == 301
    assert 10 << 20 < peak < 128 << 20


def test_a_rotated_log(local: Replica) -> None:
    with AgentProcess(local) as agent:
        local.append("logs/debug.log", b"old old old\n")
        eventually(lambda: any("debug.log.0" in key for key in local.keys("logs/")), "a segment")
        (local.root / "logs/debug.log").rename(local.root / "logs/debug.log.1")
        local.append("logs/debug.log", b"new\n")
        key = "logs/1/worker-0/debug.log"
        eventually(lambda: b"".join(read_growing(local.store, key)) == b"new\n", "the new log")
        assert agent.stop() == 0

    assert local.store.get("logs/1/worker-0/debug.log") == b"new\n"
    assert local.store.get("logs/1/worker-0/debug.log.1") == b"old old old\n"
    assert len(local.keys("logs/")) == 2


def test_bad_orders_end_it_at_once(local: Replica) -> None:
    (local.root / "launch/launch.json").write_text('{"version": 2}')
    with AgentProcess(local) as agent:
        agent.wait_for_log("are not understood")
        assert agent.wait() == 2


def test_two_replicas_do_not_disturb_each_other(local: Replica) -> None:
    other = replace(local, index=1)
    for each in (local, other):
        each.append("state/console.log", each.root.name.encode())
    with AgentProcess(local) as one, AgentProcess(other) as two:
        one.wait_for_log("Uploading")
        two.wait_for_log("Uploading")
        eventually(lambda: len(local.keys("logs/")) == 2, "both consoles")
        assert one.stop() == 0
        assert len([key for key in local.keys("logs/") if ".log.0" in key]) == 1, "only its own segments go"
        assert two.stop() == 0

    store = open_store(local.run_uri)
    assert store.get("logs/1/worker-1.log") == other.root.name.encode()
