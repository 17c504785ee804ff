"""`python -m footplate`: the operator. Leads by a Lease, watches through kopf, stops cleanly on SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import kopf
from prometheus_client import CollectorRegistry

from footplate import __version__, handlers
from footplate.app import Operator, connected, together
from footplate.engine.clock import SystemClock
from footplate.health import HealthServer
from footplate.kube.lease import LeaderLease
from footplate.metrics import OperatorMetrics
from footplate.settings import Settings
from footplate.settings_file import SettingsError, load
from footplate.settings_watch import stopping_on_change

log = logging.getLogger("footplate")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m footplate", description=__doc__)
    parser.add_argument(
        "--config",
        type=Path,
        default=os.environ.get("FOOTPLATE_CONFIG"),
        help="the settings, a YAML file (default: $FOOTPLATE_CONFIG)",
    )
    parser.add_argument("--verbose", action="store_true", help="log what is done, not only what happened")
    parser.add_argument("--version", action="version", version=f"footplate {__version__}")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    logging.getLogger("kopf").setLevel(logging.WARNING)
    if arguments.config is None:
        parser.error("the settings are missing: give --config FILE or set FOOTPLATE_CONFIG")
    path = Path(arguments.config)
    try:
        settings = load(path)
    except SettingsError as error:
        sys.stderr.writelines(f"footplate: {line}\n" for line in str(error).splitlines())
        return 2
    return asyncio.run(serve(settings, path))


async def serve(settings: Settings, path: Path) -> int:
    """Until SIGTERM, until the file at `path` holds other settings, or until leadership is lost.

    0 after a clean stop, 1 when leadership was lost.
    """
    stop = asyncio.Event()
    stop_on_signals(stop)
    clock = SystemClock()
    metrics = OperatorMetrics(CollectorRegistry(), clock)
    metrics.settings_read(True)
    async with (
        connected(settings, clock, metrics) as client,
        stopping_on_change(path, settings, clock, metrics.settings_read, stop),
    ):
        operator = Operator(client, settings, clock, metrics)
        health = HealthServer(
            settings.health_port, operator.queue, operator.sweeps, metrics, clock, settings.health_host
        )
        await health.start()
        identity = f"{platform.node()}_{os.getpid()}"
        seconds = settings.lease_seconds
        lease = LeaderLease(
            client,
            "footplate-operator",
            settings.operator_namespace,
            identity,
            clock,
            seconds.duration,
            seconds.renew,
            seconds.retry,
        )
        metrics.watch_leader(lambda: lease.leading or not settings.leader_election)
        work = asyncio.ensure_future(lead(operator, lease, stop))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait([work, stopping], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
                log.error("leadership is lost; another operator may lead")
            return 1 if work.done() else 0
        finally:
            stopping.cancel()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            if settings.leader_election:
                await lease.release()
            await health.stop()


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT set `stop`."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def lead(operator: Operator, lease: LeaderLease, stop: asyncio.Event) -> None:
    """Wait to lead, then run. kopf starts on the leader only."""

    def take_signals() -> None:
        stop_on_signals(stop)

    if not operator.settings.leader_election:
        await together(operator.run(), watch(operator, take_signals))
        return
    await lease.acquire()
    log.info("leading")
    await together(operator.run(), watch(operator, take_signals), lease.hold())


async def watch(operator: Operator, take_signals: Callable[[], None]) -> None:
    """kopf's watches of our kinds and pods; `take_signals` is called when kopf has put its signal handlers in place."""
    namespaces = operator.settings.namespaces
    before = frozenset(asyncio.all_tasks())
    tasks = await kopf.spawn_tasks(
        registry=handlers.registry(operator.watched, operator.client, operator.metrics.api, operator.clock),
        settings=handlers.settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
    )
    take_signals()  # back from kopf, which on SIGTERM would wait 5 s for our tasks, then break them
    await kopf.run_tasks(tasks, ignored=before)


if __name__ == "__main__":
    sys.exit(main())
