"""A client of the embedded API server, as code under test has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from api_server import ApiServerInThread

from footplate.engine.clock import SystemClock
from footplate.kube.client import KubeClient


class BriskClock(SystemClock):
    """The system's clock in haste: what waits for seconds waits for hundredths. For tests against real servers."""

    def __init__(self, haste: float = 100.0) -> None:
        self._haste = haste

    def monotonic(self) -> float:
        return super().monotonic() * self._haste

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / self._haste)


@asynccontextmanager
async def connected(server: ApiServerInThread, **options: Any) -> AsyncIterator[KubeClient]:
    options = {"clock": BriskClock(), "random": Random(1), "environ": {}} | options
    client = await KubeClient.connect(kubeconfig=str(server.kubeconfig), **options)
    try:
        yield client
    finally:
        await client.close()
