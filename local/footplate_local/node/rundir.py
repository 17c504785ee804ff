"""The folder of one run of a container: what the node asks of the shim and what the shim says back.

``pods/<uid>/containers/<container>/<n>/`` with n = 0 for the first start, 1 for the first restart, ….
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILLED = 137  # 128 + SIGKILL


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What a shim runs. ``memory_limit`` in bytes; ``log`` is the file for stdout and stderr together."""

    argv: tuple[str, ...]
    env: dict[str, str]
    working_dir: str
    hostname: str
    address: str
    log: Path
    memory_limit: int | None


@dataclass(frozen=True, slots=True)
class Started:
    """The program runs or ran: its pid, the shim's, and when it started (unix seconds)."""

    pid: int
    shim: int
    started_at: float


@dataclass(frozen=True, slots=True)
class Exit:
    """How the run ended (unix seconds). ``start_error``: the program could not be executed, and why."""

    exit_code: int
    finished_at: float
    oom_killed: bool = False
    start_error: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class RunDir:
    path: Path
    marker: str  # "<pod uid>/<container>/<n>", in the environment of every process of the run

    @property
    def number(self) -> int:
        return int(self.path.name)

    @property
    def termination_log(self) -> Path:
        return self.path / "termination-log"

    def create(self, spec: ProcessSpec) -> None:
        """Makes the folder with its orders; idempotent, for a node that died in between."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.termination_log.write_bytes(b"")
        orders = {
            "argv": list(spec.argv),
            "env": spec.env,
            "workingDir": spec.working_dir,
            "hostname": spec.hostname,
            "address": spec.address,
            "log": str(spec.log),
            "memoryLimit": spec.memory_limit,
        }
        descriptor = os.open(self.path / "spec.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(orders, file)

    def lock(self) -> int:
        """Takes the run's lock and returns its descriptor; the shim inherits it. BlockingIOError: it runs already."""
        return self._lock(fcntl.LOCK_EX)

    def alive(self) -> bool:
        """Whether a shim holds the run: true from before it is started until it is gone, however it goes."""
        try:
            os.close(self._lock(fcntl.LOCK_SH))
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def _lock(self, kind: int) -> int:
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def touched(self) -> bool:
        """Whether a shim ever came so far that it may have started the program."""
        return (self.path / "shim.json").exists()

    def started(self) -> Started | None:
        value = self._read("started.json")
        if value is None:
            return None
        return Started(pid=value["pid"], shim=value["shim"], started_at=value["startedAt"])

    def exit(self) -> Exit | None:
        value = self._read("exit.json")
        if value is None:
            return None
        return Exit(
            exit_code=value["exitCode"],
            finished_at=value["finishedAt"],
            oom_killed=value.get("oomKilled", False),
            start_error=value.get("startError"),
            message=value.get("message"),
        )

    def record_lost(self, now: float) -> Exit:
        """The exit of a run whose shim was killed: nobody saw how the program ended, but it has been killed."""
        message = "the process above the container was killed"
        value = {"exitCode": KILLED, "finishedAt": now, "message": message}
        temporary = self.path / "exit.json.tmp"
        temporary.write_text(json.dumps(value), encoding="utf-8")
        temporary.rename(self.path / "exit.json")
        return Exit(exit_code=KILLED, finished_at=now, message=message)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            text = (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            value: dict[str, Any] = json.loads(text)
        except ValueError:  # the machine lost power while it was written: as good as not there
            return None
        return value


def runs_of(folder: Path, prefix: str) -> list[RunDir]:
    """The runs of a container in the order of their starts; FOLDER is ``containers/<container>``."""
    try:
        names = [name for name in os.listdir(folder) if name.isdigit()]
    except FileNotFoundError:
        return []
    return [RunDir(folder / name, f"{prefix}/{name}") for name in sorted(names, key=int)]
