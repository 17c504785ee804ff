"""What watching costs, and how soon a change is in the store: the agent as a process over a folder of idle files.

    python benchmarks/agent_watch.py [FILES]

FILES (100,000) idle outputs are in the store already, as the journal says. Printed are the processor time of the first
scan and that of half a minute, with inotify and, where user namespaces allow to take it away, without; then the lag
from write to store (a folder on this disk) of lines of a growing log, of a new checkpoint renamed into place and
of a file that is written and closed, each many times. Budget: under 1 % of a core for the idle files; in 99 of 100
cases 2 s for files and 5 s for lines.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from replica import AgentProcess, Replica, eventually

from footplate_runtime.store import NotFound, read_growing

IDLE_SECONDS = 30.0
TIMES = 30
BUDGET_SHARE, BUDGET_FILE, BUDGET_LINE = 0.01, 2.0, 5.0
NO_INOTIFY = ("unshare", "--user", "--map-root-user", "sh", "-c")
NO_INOTIFY += ('echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"', "sh")


def main(count: int) -> int:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {count} idle files")
    over = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        replica = Replica(folder, (folder / "store/default/bench").as_uri() + "/")
        fill(replica, count)
        with AgentProcess(replica) as agent:
            over |= idle("with inotify", agent, count) > BUDGET_SHARE
            print(f"peak resident memory: {agent.peak_memory() >> 20} MiB")
            over |= lag("checkpoint renamed into place", lambda i: renamed(replica, i)) > BUDGET_FILE
            over |= lag("file written and closed", lambda i: closed(replica, i)) > BUDGET_FILE
            over |= lag("line of a growing log", lambda i: line(replica, i)) > BUDGET_LINE
        if subprocess.run([*NO_INOTIFY, "true"], check=False, capture_output=True).returncode:
            print("no user namespaces: polling is not measured")
        else:
            with AgentProcess(replica, before=NO_INOTIFY) as agent:
                idle("polling", agent, count)
    return int(over)


def fill(replica: Replica, count: int) -> None:
    """Idle files that an agent before has uploaded, a thousand a folder."""
    with open(replica.root / "state/journal.jsonl", "w") as journal:
        for i in range(count):
            path = replica.root / f"outputs/shard-{i // 1000}/sample-{i}.json"
            if i % 1000 == 0:
                path.parent.mkdir()
            path.touch()
            stat = path.stat()
            stamp = [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
            key = f"outputs/{path.parent.name}/{path.name}"
            journal.write(json.dumps({"key": key, "stamp": stamp, "sha256": "ab" * 32}) + "\n")


def idle(what: str, agent: AgentProcess, count: int) -> float:
    """The share of a core that the agent takes while nothing happens."""
    before = processor_seconds(agent.pid)
    eventually(lambda: agent.status()["uploaded"]["files"] >= count, "the first scan", patience=600)
    first = processor_seconds(agent.pid) - before
    time.sleep(3)
    before, began = processor_seconds(agent.pid), time.monotonic()
    time.sleep(IDLE_SECONDS)
    share = (processor_seconds(agent.pid) - before) / (time.monotonic() - began)
    print(f"{what}: {first:.2f} s of processor time until the first scan is done, then {share:.2%} of a core")
    return share


def lag(what: str, act: Callable[[int], Callable[[], bool]]) -> float:
    """Seconds from the write to the store; the 99th of a hundred."""
    seconds = []
    for i in range(TIMES):
        time.sleep(0.13 * (i % 8))  # at any moment of the agent's second
        arrived, began = act(i), time.monotonic()
        while not arrived():
            time.sleep(0.002)
        seconds.append(time.monotonic() - began)
    worst = statistics.quantiles(seconds, n=100, method="inclusive")[98]
    print(f"{what}: median {statistics.median(seconds) * 1000:.0f} ms, p99 {worst * 1000:.0f} ms of {TIMES}")
    return worst


def renamed(replica: Replica, i: int) -> Callable[[], bool]:
    data = os.urandom(1 << 20)
    unfinished = replica.write(f"outputs/checkpoint-{i}.tmp", data)
    unfinished.rename(replica.root / f"outputs/checkpoint-{i}")
    return lambda: stored(replica, f"outputs/checkpoint-{i}") == data


def closed(replica: Replica, i: int) -> Callable[[], bool]:
    data = os.urandom(100_000)
    replica.write(f"outputs/report-{i}", data)
    return lambda: stored(replica, f"outputs/report-{i}") == data


def line(replica: Replica, i: int) -> Callable[[], bool]:
    data = f"line {i}\n".encode()
    replica.append("state/console.log", data)
    return lambda: b"".join(read_growing(replica.store, "logs/1/worker-0.log")).endswith(data)


def stored(replica: Replica, key: str) -> bytes | None:
    with contextlib.suppress(NotFound):
        return replica.store.get(key)
    return None


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
