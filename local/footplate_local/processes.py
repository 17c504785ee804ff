"""Processes that outlive the command which started them: who they are, whether they live, how they are ended.

A process is known by its id and its start time, so that a number the kernel has given away again is never taken for it.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this machine; `started` is in clock ticks since boot (proc(5): /proc/pid/stat, starttime)."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """It runs: there is a process of this id that started then and is not a zombie."""
        return _start_ticks(self.pid) == self.started

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass  # ended in between, which is what most callers want

    @classmethod
    def of(cls, pid: int) -> Process:
        """The running process of this id; one that has ended already compares as not alive."""
        ticks = _start_ticks(pid)
        return cls(pid, -1 if ticks is None else ticks)


def _start_ticks(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()  # the name before it may hold anything, blanks and brackets too
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def end(processes: Iterable[Process], grace_seconds: float) -> list[Process]:
    """SIGTERM to all, SIGKILL to those that still run after the grace; returns the ones that had to be killed."""
    running = [p for p in processes if p.alive]
    for process in running:
        process.send(signal.SIGTERM)
    killed = wait_ended(running, grace_seconds)
    for process in killed:
        process.send(signal.SIGKILL)
    wait_ended(killed, grace_seconds)
    return killed


def wait_ended(processes: Iterable[Process], seconds: float) -> list[Process]:
    """Wait until all have ended, but no longer than so many seconds; returns those that still run."""
    deadline = time.monotonic() + seconds
    running = [p for p in processes if p.alive]
    while running and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        running = [p for p in running if p.alive]
    return running


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What the supervisor wrote down about a service: `run/<name>.json`."""

    process: Process | None  # None between two starts
    failures: int  # ends in a row, since it last ran for a while

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive


def read_state(path: Path) -> ServiceState | None:
    """The state in a file; None when there is none, or when it is not whole (a machine that lost power)."""
    try:
        found = json.loads(path.read_text())
        process = Process(int(found["pid"]), int(found["started"])) if found["pid"] else None
        return ServiceState(process, int(found["failures"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return None


def write_state(path: Path, state: ServiceState) -> None:
    """Write the state so that a reader sees the old or the new one."""
    process = state.process
    content = {
        "pid": process.pid if process else None,
        "started": process.started if process else None,
        "failures": state.failures,
    }
    write_whole(path, json.dumps(content) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a small text file at once, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.chmod(0o600)
    draft.replace(path)
