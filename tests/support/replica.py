"""A replica's tree with its orders, and fetch and the agent run in it as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footplate_runtime import contract
from footplate_runtime.store import Store, open_store

PATIENCE = 60.0  # seconds; a bound for what takes far less


def eventually(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Poll until the condition is true and return what it returned."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {patience:.0f} s in vain for {what}")


@dataclass
class Replica:
    """One replica of a job under test; ``base`` is an empty folder."""

    base: Path
    run_uri: str
    endpoint: str | None = None
    secret: dict[str, str] = field(default_factory=dict)
    source: dict[str, Any] | None = None
    inputs: list[dict[str, str]] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    ca_certificate: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    mirror_deletes: bool = False
    attempt: int = 1
    role: str = "worker"
    index: int = 0
    grace: float = 60.0
    build_log: str | None = None

    def __post_init__(self) -> None:
        self.root = self.base / f"root-{self.role}-{self.index}-{self.attempt}"
        self.termination_log = self.base / f"termination-{self.role}-{self.index}-{self.attempt}"
        for folder in ("launch", "outputs", "logs", "metrics", "state"):
            (self.root / folder).mkdir(parents=True)
        self.write_orders()

    @property
    def store(self) -> Store:
        """The run as a reader sees it."""
        return open_store(self.run_uri, self.endpoint, None, self.secret, ca_certificate=self.ca_certificate)

    @property
    def env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            **self.secret,
            **contract.AGENT_SETTINGS,
            "FOOTPLATE_ROOT": str(self.root),
            "FOOTPLATE_JOB": "digits",
            "FOOTPLATE_NAMESPACE": "default",
            "FOOTPLATE_ATTEMPT": str(self.attempt),
            "FOOTPLATE_ROLE": self.role,
            "FOOTPLATE_INDEX": str(self.index),
            "FOOTPLATE_TERMINATION_LOG": str(self.termination_log),
            "FOOTPLATE_GRACE_SECONDS": str(self.grace),
            "FOOTPLATE_AGENT_PORT": "0",
            **({"FOOTPLATE_RESUME": "1"} if self.attempt > 1 else {}),
        }

    def write_orders(self) -> None:
        """Write launch.json from the fields as they are now."""
        orders = {
            "version": 1,
            "job": {"name": "digits", "namespace": "default", "uid": "1a2b3c4d", "experiment": "default"},
            "store": {"uri": self.run_uri, "endpoint": self.endpoint, "caCertificate": self.ca_certificate},
            "runUri": self.run_uri,
            "buildLog": self.build_log,
            "source": self.source,
            "inputs": self.inputs,
            "primary": {"role": "worker", "index": 0},
            "outputs": {"flushSeconds": 600, "exclude": self.exclude, "mirrorDeletes": self.mirror_deletes},
            "metrics": self.metrics,
            "record": {"spec": {"nodes": 1}, "parameters": {"epochs": 3}},
        }
        (self.root / "launch/launch.json").write_text(json.dumps(orders))

    def write(self, path: str | bytes, data: bytes) -> Path:
        """Write a file of the tree, as the program would."""
        target = Path(os.fsdecode(os.path.join(os.fsencode(self.root), os.fsencode(path))))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return target

    def append(self, path: str, data: bytes) -> None:
        """Append to a file of the tree with one write."""
        with open(self.root / path, "ab", buffering=0) as file:
            file.write(data)

    def log_scalar(self, name: str, value: float | str, step: int | None = None, rank: int = 0) -> None:
        """Append a line of metrics."""
        line = {"kind": "scalar", "name": name, "value": value, "step": step, "time": 1732187401.25, "rank": rank}
        self.append("metrics/metrics.jsonl", json.dumps(line).encode() + b"\n")

    def write_exit(self, code: int = 0, error: str | None = None) -> None:
        """Leave what the launcher leaves."""
        report = {
            "version": 1,
            "exitCode": code,
            "signal": None,
            "startTime": "2026-11-21T11:00:00Z",
            "endTime": "2026-11-21T11:05:00Z",
            "error": error,
            "lastLines": ["bye"],
        }
        self.write("state/exit.json", json.dumps(report).encode())

    def fetch(self, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run fetch to its end."""
        command = [sys.executable, "-m", "footplate_runtime.fetch"]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=timeout, check=False)

    def termination(self) -> dict[str, Any]:
        """The termination message of what ran last."""
        data = self.termination_log.read_bytes()
        assert len(data) <= 4096
        found: dict[str, Any] = json.loads(data)
        return found

    def json(self, key: str) -> dict[str, Any]:
        """An object of the run, as JSON."""
        found: dict[str, Any] = json.loads(self.store.get(key))
        return found

    def keys(self, folder: str = "") -> list[str]:
        """What lies in the run, sorted; without the logs of the agent and of fetch themselves."""
        return [key for key in self.all_keys(folder) if ".agent.log" not in key and ".fetch.log" not in key]

    def all_keys(self, folder: str = "") -> list[str]:
        """What lies in the run, sorted."""
        return sorted(entry.key for entry in self.store.list(folder))


class AgentProcess:
    """An agent that runs; used with ``with``, which ends it for good.

    ``before`` is a command that prepares the process and then executes its last arguments.
    """

    def __init__(self, replica: Replica, before: Sequence[str] = ()) -> None:
        self._log = replica.base / f"agent-{time.monotonic_ns()}.log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [*before, sys.executable, "-m", "footplate_runtime.agent"], env=replica.env, stdout=log, stderr=log
            )
        self.pid = self._process.pid

    def __enter__(self) -> AgentProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for_log(self, text: str) -> str:
        """The log, once it has this text."""
        return str(eventually(lambda: text in self.log and self.log, f"{text!r} in {self.log}"))

    def get(self, path: str) -> bytes:
        """An answer of its server."""
        log = self.wait_for_log("Serving http://")
        url = log.split("Serving ", 1)[1].split("/status", 1)[0]
        with urllib.request.urlopen(url + path, timeout=10) as response:
            data: bytes = response.read()
        return data

    def status(self) -> dict[str, Any]:
        """Its /status."""
        found: dict[str, Any] = json.loads(self.get("/status"))
        return found

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def peak_memory(self) -> int:
        """Bytes of resident memory at most so far; 0 when it has just ended."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0

    @contextmanager
    def watched_memory(self) -> Iterator[Callable[[], int]]:
        """Look at its peak until it ends; the call says afterwards how many bytes that was."""
        peak, ended = 0, threading.Event()

        def look() -> None:
            nonlocal peak
            while not ended.wait(0.02):
                try:
                    peak = max(peak, self.peak_memory())
                except (OSError, AssertionError):
                    return

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield lambda: peak
        finally:
            ended.set()
            watcher.join()

    @staticmethod
    def pause(seconds: float) -> None:
        """Let it work for a while."""
        time.sleep(seconds)

    def freeze(self) -> None:
        """SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Tell it that the program has ended, as the kubelet does."""
        self._process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Tell it to end and wait; the exit code."""
        self.terminate()
        return self._process.wait(PATIENCE * 2)

    def wait(self) -> int:
        """Wait until it ends by itself; the exit code."""
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)
