"""A tree as fetch leaves it, and the launcher run in it as a real process, under any Python of the machine."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 30.0  # seconds; a bound for what takes far less


@functools.cache
def find_python(version: str) -> str | None:
    """The interpreter of that version (``3.6``), from pyenv or the PATH; ``current`` is this one."""
    if version == "current":
        return sys.executable
    candidates = [str(p) for p in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    candidates += [path for path in [shutil.which(f"python{version}")] if path]
    for candidate in candidates:
        check = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        answer = subprocess.run(check, capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    return None


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Polls until the condition is true and returns what it returned; fails after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {PATIENCE:.0f} s in vain for {what}")


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class Ended:
    """What a finished launcher left."""

    status: int
    out: bytes
    err: bytes
    exit: dict[str, Any]
    termination: bytes
    console: bytes


class LaunchTree:
    """The tree of one replica below ``root``."""

    def __init__(self, root: Path, python: str, pyz: Path) -> None:
        self.root = root
        self.python = python
        self.pyz = pyz
        self.code = root / "code"
        self.code.mkdir(parents=True)
        self.termination_log = root / "termination-log"

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self.code / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        path.chmod(mode)
        return path

    def orders(
        self, script: str | None = None, argv: Sequence[str] = (), command: Sequence[str] = (), **other: Any
    ) -> None:
        """Writes launch.json; ``other`` replaces its top-level fields."""
        launch: dict[str, Any] = {
            "version": 1,
            "job": {"name": "digits", "namespace": "default", "uid": "1a2b3c4d-0000", "experiment": "mnist"},
            "runUri": "file:///store/default/digits-1a2b3c4d/",
            "source": {"configMap": {"name": "digits-code"}},
            "inputs": [],
            "program": {"command": list(command)} if command else {"script": script, "argv": list(argv)},
            "distribution": {
                "framework": "plain",
                "variables": {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"},
            },
            "hosts": "{role}-{index}.digits.default.svc",
            "roles": {"worker": 1},
            "primary": {"role": "worker", "index": 0},
        }
        path = self.root / "launch" / "launch.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({**launch, **other}), encoding="utf-8")

    def environment(self, extra: Mapping[str, str] = {}) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "FOOTPLATE_ROOT": str(self.root),
            "FOOTPLATE_JOB": "digits",
            "FOOTPLATE_NAMESPACE": "default",
            "FOOTPLATE_ATTEMPT": "1",
            "FOOTPLATE_ROLE": "worker",
            "FOOTPLATE_INDEX": "0",
            "FOOTPLATE_TERMINATION_LOG": str(self.termination_log),
            **extra,
        }

    def start(
        self, *, env: Mapping[str, str] = {}, prefix: Sequence[str] = (), **popen: Any
    ) -> subprocess.Popen[bytes]:
        usual = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "cwd": self.root,
        }
        command = [*prefix, self.python, str(self.pyz)]
        return subprocess.Popen(command, env=self.environment(env), **{**usual, **popen})

    def finish(self, process: subprocess.Popen[bytes]) -> Ended:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return Ended(
            process.returncode,
            out or b"",
            err or b"",
            json.loads((self.root / "state/exit.json").read_text(encoding="utf-8")),
            self.termination_log.read_bytes(),
            (self.root / "state/console.log").read_bytes(),
        )

    def run(self, **start: Any) -> Ended:
        return self.finish(self.start(**start))

    def pid_from(self, name: str) -> int:
        """The process id that the program writes to ``code/<name>``."""
        path = self.code / name
        return int(wait_until(lambda: path.exists() and path.read_text().strip(), f"{name} of the program"))


def kill_quietly(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
