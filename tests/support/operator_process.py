"""Operators as processes of their own, `python -m footplate`, that can be killed, stopped and started again.

They have the rights that the chart gives them and no others.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from api_server import ApiServerInThread
from chart import NAMESPACE
from rights import kubeconfig_of

SECONDS = 60.0
OPERATOR = ("-m", "footplate")
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/footplate-operator"


class OperatorProcess:
    """One replica of the Deployment. Each start is another process, with an identity of its own."""

    def __init__(self, server: ApiServerInThread, folder: Path, name: str, **settings: Any) -> None:
        self._server = server
        self._log = folder / f"{name}.log"
        self._settings = folder / f"{name}.yaml"
        said = {"store": {"uri": "s3://runs"}, "operatorNamespace": NAMESPACE, "healthHost": "127.0.0.1"}
        self._settings.write_text(yaml.safe_dump({**said, "healthPort": 0, "workers": 8, **settings}))
        self._process: asyncio.subprocess.Process | None = None
        self._log_begins = 0

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "it was not started"
        return self._process

    async def start(self, program: Sequence[str] = OPERATOR, **environment: str) -> None:
        """`program` are the arguments of Python; by default the operator's."""
        self._log_begins = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, *program, "--config", str(self._settings)),
                env={**os.environ, "KUBECONFIG": str(kubeconfig_of(self._server)), **environment},
                stdout=log,
                stderr=log,
            )

    async def started(self, program: Sequence[str] = OPERATOR, **environment: str) -> None:
        """Start it and wait until it has listed everything: a hot standby, or the leader."""
        await self.start(program, **environment)
        await until(lambda: self.ready, self.said)

    def said(self) -> str:
        """What this process has logged so far."""
        with self._log.open("rb") as log:
            log.seek(self._log_begins)
            return log.read().decode()

    def identity(self) -> str | None:
        """What it calls itself in the Lease; None before it has come to that."""
        found = re.search(r"Waiting to lead as (\S+)", self.said())
        return found[1] if found else None

    @property
    def ready(self) -> bool:
        """It waits to lead, or leads, and knows all there is."""
        return self.running and self.identity() is not None and " pods in the cluster" in self.said()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, seconds: float = SECONDS) -> int:
        """The exit code of this process, once it has ended."""
        return await asyncio.wait_for(self.process.wait(), seconds)

    async def kill(self) -> None:
        """Also when it is stopped, and when it has ended already."""
        if self.running:
            self.process.kill()
            await self.process.wait()


def holder(server: ApiServerInThread) -> str:
    """Who has the Lease; empty when nobody has."""
    status, lease = server.request("GET", LEASE)
    return str(lease["spec"].get("holderIdentity") or "") if status == 200 else ""


async def until(true: Any, scene: Any = lambda: "", seconds: float = SECONDS) -> None:
    """Until the condition holds; else fail with what `scene` says."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not true():
        assert asyncio.get_running_loop().time() < deadline, f"not after {seconds} s\n{scene()}"
        await asyncio.sleep(0.02)
