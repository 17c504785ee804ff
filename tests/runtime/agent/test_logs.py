"""Logs on their way to the store: the console, the program's own files, the agent's and fetch's."""

from __future__ import annotations

import os
import re
import time

import pytest
from replica import AgentProcess, Replica, eventually
from s3_server import S3Server
from tcp_gate import gate

from footplate_runtime.store import read_growing

OWN = "logs/1/worker-0/"
BINARY = bytes(range(256)) * 40 + b"\r\n\x00"


def stored(replica: Replica, key: str) -> bytes:
    """What a reader gets now, of segments or the whole."""
    return b"".join(read_growing(replica.store, key))


@pytest.mark.parametrize("path", ["state/console.log", "logs/debug.log", "logs/deep/er/train.log"])
def test_a_line_is_in_the_store_within_five_seconds(replica: Replica, path: str) -> None:
    """By the store's own time of the object, not by when a slow test comes to look."""
    key = "logs/1/worker-0.log" if path == "state/console.log" else OWN + path.removeprefix("logs/")
    (replica.root / path).parent.mkdir(parents=True, exist_ok=True)
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        for number in range(3):
            line = f"line {number}\n".encode() * 100
            written = time.time()
            replica.append(path, line)
            eventually(lambda line=line: stored(replica, key).endswith(line), "the line")
            newest = max(e.modified.timestamp() for e in replica.store.list("logs/") if key in e.key)
            assert newest - written < 5 + 1, "S3 tells whole seconds"
        assert agent.stop() == 0
    assert replica.store.get(key) == b"".join(f"line {n}\n".encode() * 100 for n in range(3))
    assert not [k for k in replica.keys("logs/") if re.search(r"\.\d{15}-", k)], "segments go when the whole is there"


def test_bytes_that_are_no_text(replica: Replica) -> None:
    with AgentProcess(replica) as agent:
        for path in ("state/console.log", "logs/trace.bin"):
            replica.append(path, BINARY)
        eventually(lambda: stored(replica, OWN + "trace.bin") == BINARY, "the first segment")
        for path in ("state/console.log", "logs/trace.bin"):
            replica.append(path, BINARY[::-1])
        assert agent.stop() == 0
    for key in ("logs/1/worker-0.log", OWN + "trace.bin"):
        assert replica.store.get(key) == BINARY + BINARY[::-1]


def test_a_log_that_is_truncated_and_written_anew(local: Replica) -> None:
    with AgentProcess(local) as agent:
        local.append("logs/status.log", b"a long first version\n")
        eventually(lambda: stored(local, OWN + "status.log"), "the first version")
        with open(local.root / "logs/status.log", "r+b") as file:
            file.truncate(0)
            file.write(b"short\n")
        eventually(lambda: stored(local, OWN + "status.log") == b"short\n", "the second version")
        local.append("logs/status.log", b"and more\n")
        eventually(lambda: stored(local, OWN + "status.log") == b"short\nand more\n", "what came then")
        assert agent.stop() == 0
    assert local.store.get(OWN + "status.log") == b"short\nand more\n"
    assert local.keys(OWN) == [OWN + "status.log"]


def test_a_log_that_is_rotated_again_and_again(local: Replica) -> None:
    """As logging.handlers.RotatingFileHandler does: .2 goes, .1 becomes .2, the log becomes .1."""
    log = local.root / "logs/train.log"
    with AgentProcess(local) as agent:
        for turn in range(3):
            local.append("logs/train.log", f"turn {turn}\n".encode() * (3 - turn))
            content = log.read_bytes()
            eventually(lambda content=content: stored(local, OWN + "train.log") == content, "this turn's log")
            for old, new in (("train.log.1", "train.log.2"), ("train.log", "train.log.1")):
                if (log.parent / old).exists():
                    (log.parent / old).rename(log.parent / new)
        assert agent.stop() == 0
    there = {path.name: path.read_bytes() for path in log.parent.iterdir()}
    assert set(there) == {"train.log.1", "train.log.2"}
    for name, content in there.items():
        assert local.store.get(OWN + name) == content


def test_many_small_files(in_s3: Replica) -> None:
    count = 600
    with AgentProcess(in_s3) as agent:
        for number in range(count // 2):
            in_s3.write(f"logs/{number % 7}/{number}.txt", str(number).encode())
        eventually(lambda: len(in_s3.keys(OWN)) >= 100, "some of them while the program runs")
        for number in range(count // 2, count):
            in_s3.write(f"logs/{number % 7}/{number}.txt", str(number).encode())
        assert agent.stop() == 0
    assert len(in_s3.keys(OWN)) == count, "one object each, no segment left"
    assert [in_s3.store.get(f"{OWN}{n % 7}/{n}.txt") for n in (0, 299, 300, 599)] == [b"0", b"299", b"300", b"599"]


def test_what_the_agent_and_fetch_say_is_beside_them(replica: Replica) -> None:
    assert replica.fetch().returncode == 0
    (replica.root / "state/fetch.log").write_bytes(b"2026-11-21T11:00:00Z source: abc\n")
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        seen = eventually(lambda: stored(replica, "logs/1/worker-0.agent.log"), "its log while the program runs")
        assert b"Uploading worker-0 of attempt 1 to " in seen
        assert agent.status()["lastActivityTime"] is None, "what the agent says is no sign of life of the program"
        assert agent.stop() == 0
    own = replica.store.get("logs/1/worker-0.agent.log")
    assert own.splitlines() == (replica.root / "state/agent.log").read_bytes().splitlines()[:-1]
    assert own.endswith(b"Z All is in the store; the manifest follows.\n")
    assert all(re.match(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S", line) for line in own.splitlines())
    assert replica.store.get("logs/1/worker-0.fetch.log") == b"2026-11-21T11:00:00Z source: abc\n"
    assert replica.all_keys("logs/") == ["logs/1/worker-0.agent.log", "logs/1/worker-0.fetch.log"]


def test_its_log_tells_of_the_store_that_was_away(in_s3: Replica, s3_server: S3Server) -> None:
    with gate(s3_server.endpoint) as door:
        replica = Replica(in_s3.base / "gated", s3_server.new_uri(), door.endpoint, s3_server.env)
        with AgentProcess(replica) as agent:
            agent.wait_for_log("Uploading")
            door.shut()
            replica.write("outputs/model", b"m")
            agent.wait_for_log("cannot be reached")
            agent.terminate()
            eventually(lambda: agent.status()["phase"] == "Draining", "the drain")
            door.open()
            assert agent.stop() == 0
        assert b"cannot be reached" in replica.store.get("logs/1/worker-0.agent.log")
        assert replica.json("manifest.json")["complete"] is True


def test_a_log_of_its_own_that_cannot_be_written_costs_nothing_else(local: Replica) -> None:
    os.mkfifo(local.root / "state/agent.log")  # the program may write here, too
    local.write("outputs/model", b"m")
    with AgentProcess(local) as agent:
        agent.wait_for_log("state/agent.log cannot be written: No such device or address.")
        assert agent.stop() == 0
        assert agent.log.count("cannot be written") == 1
    assert local.json("manifest.json")["complete"] is True
    assert not [key for key in local.all_keys() if "agent.log" in key]


def test_fetch_that_fails_leaves_its_log_in_the_store(replica: Replica) -> None:
    replica.inputs = [{"name": "digits", "uri": "file:///nowhere/at/all"}]
    replica.write_orders()
    assert replica.fetch().returncode == 1
    said = replica.termination()["error"]
    log = replica.store.get("logs/1/worker-0.fetch.log").decode()
    assert log.endswith(f"Z {said['reason']}: {said['message']}\n")
