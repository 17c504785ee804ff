"""/healthz, /readyz and /metrics for the kubelet and Prometheus.

A probe that only proves that HTTP answers keeps an operator alive that does nothing, so /healthz looks at the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from footplate.engine.clock import Clock
from footplate.engine.queue import WorkQueue
from footplate.engine.sweep import Sweep
from footplate.metrics import OperatorMetrics

LONGEST_WORK_SECONDS = 300.0
LONGEST_SILENCE_SECONDS = 120.0  # of a watch that owes us an event; kopf itself gives a silent connection up after 70
OVERDUE_PERIODS = 4  # a sweep's period lasts up to twice its `seconds`; then the listing itself, and some tries


class HealthServer:
    """Serves on all addresses of the machine unless told otherwise, as the kubelet calls the pod's."""

    def __init__(
        self,
        port: int,
        queue: WorkQueue,
        sweeps: Sequence[Sweep[Any]],
        metrics: OperatorMetrics,
        clock: Clock,
        host: str | None = None,
    ) -> None:
        """`port` 0 takes any free one; see the attribute `port` after start."""
        self.port = port
        self._host = host
        self._queue = queue
        self._sweeps = sweeps
        self._metrics = metrics
        self._clock = clock
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Raises OSError when the port is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._read_metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def troubles(self) -> list[str]:
        """Why the operator should be started anew; empty when all is well."""
        found = []
        busy = self._queue.oldest_seconds()
        if busy > LONGEST_WORK_SECONDS:
            found.append(f"a worker has been busy with one object for {busy:.0f} s")
        now = self._clock.monotonic()
        for sweep in self._sweeps:
            last = sweep.begun if sweep.last_success is None else sweep.last_success
            if last is not None and now - last > OVERDUE_PERIODS * sweep.seconds:
                found.append(f"the last sweep was {now - last:.0f} s ago")
            if sweep.deaf_seconds() > LONGEST_SILENCE_SECONDS:
                found.append(f"a watch has told nothing of a change that was found {sweep.deaf_seconds():.0f} s ago")
        return found

    @property
    def ready(self) -> bool:
        """Whether everything has been listed once, so that this operator works, or could take over at once."""
        return all(sweep.last_success is not None for sweep in self._sweeps)

    async def _healthz(self, _: web.Request) -> web.Response:
        troubles = self.troubles()
        return web.Response(status=500 if troubles else 200, text="\n".join(troubles or ["ok"]) + "\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n") if self.ready else web.Response(status=503, text="listing\n")

    async def _read_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
