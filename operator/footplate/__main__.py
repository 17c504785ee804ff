"""`python -m footplate`: the operator. Leads by a Lease, watches through kopf, stops cleanly on SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import signal
import sys
from math import inf
from pathlib import Path
from uuid import uuid4

from prometheus_client import CollectorRegistry

from footplate import __version__
from footplate.app import Operator, connected, connected_for_lease, together
from footplate.engine.clock import SystemClock
from footplate.errors import NoCluster
from footplate.health import HealthServer
from footplate.kube.fence import Fence, HardStop
from footplate.kube.lease import LeaderLease, Times
from footplate.metrics import OperatorMetrics
from footplate.settings import Settings
from footplate.settings_file import SettingsError, load
from footplate.settings_watch import stopping_on_change
from footplate.watches import Watches

log = logging.getLogger("footplate")

LEASE = "footplate-operator"
LAST_WRITES_SECONDS = 5.0
LAST_EVENTS_SECONDS = 2.0  # what was told before the end may take to be recorded


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m footplate", description=__doc__)
    parser.add_argument(
        "--config",
        type=Path,
        default=os.environ.get("FOOTPLATE_CONFIG"),
        help="the settings, a YAML file (default: $FOOTPLATE_CONFIG)",
    )
    parser.add_argument(
        "--health-host",
        metavar="ADDRESS",
        help="where /healthz, /readyz and /metrics are served, before healthHost of the settings: each pod's own",
    )
    parser.add_argument("--verbose", action="store_true", help="log what is done, not only what happened")
    parser.add_argument("--version", action="version", version=f"footplate {__version__}")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)  # it misses the signals, which are ours
    if arguments.config is None:
        parser.error("the settings are missing: give --config FILE or set FOOTPLATE_CONFIG")
    path = Path(arguments.config)
    try:
        settings = load(path)
        return asyncio.run(serve(settings, path, arguments.health_host or settings.health_host))
    except (SettingsError, NoCluster) as error:
        sys.stderr.writelines(f"footplate: {line}\n" for line in str(error).splitlines())
        return 2


async def serve(settings: Settings, path: Path, health_host: str | None) -> int:
    """Until SIGTERM, until the file at `path` holds other settings, or until leadership is lost.

    0 after a clean stop, 1 when leadership was lost. Raises NoCluster, and SettingsError where the port is taken.
    """
    stop = asyncio.Event()
    stop_on_signals(stop)
    clock = SystemClock()
    metrics = OperatorMetrics(CollectorRegistry(), clock)
    metrics.settings_read(True)
    seconds = settings.lease_seconds
    times = Times(seconds.duration, seconds.renew, seconds.retry)
    fence = Fence(clock, until=-inf if settings.leader_election else inf)
    myself = identity()
    async with (
        connected(settings, clock, metrics, fence, myself) as client,
        connected_for_lease(clock, metrics, times, myself) as lease_client,
        stopping_on_change(path, settings, clock, metrics.settings_read, stop),
    ):
        operator = Operator(client, settings, clock, metrics)
        health = HealthServer(settings.health_port, operator.queue, operator.sweeps, metrics, clock, health_host)
        try:
            await health.start()
        except OSError as error:
            raise SettingsError(
                f"`healthPort` {settings.health_port} cannot be listened at: {error.strerror}."
            ) from error
        lease = None
        if settings.leader_election:
            namespace = settings.operator_namespace
            lease = LeaderLease(lease_client, LEASE, namespace, myself, clock, times, fence, HardStop())
        metrics.watch_leader(lambda: lease is None or lease.leading)
        try:
            return await run(operator, lease, fence, stop)
        finally:
            await health.stop()


def identity() -> str:
    """As client-go's: who it is for people, and unique also where host names and process ids are not."""
    return f"{platform.node()}_{uuid4()}"


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT set `stop`."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def run(operator: Operator, lease: LeaderLease | None, fence: Fence, stop: asyncio.Event) -> int:
    """Look on, and work while leading; 0 when told to stop, 1 when leadership is lost. Raises what breaks."""
    looking = asyncio.ensure_future(together(operator.look_on(), watches_of(operator).run()))
    leading = asyncio.ensure_future(operator.work() if lease is None else lead(operator, lease))
    stopping = asyncio.ensure_future(stop.wait())
    parts = (leading, looking, stopping)
    try:
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        if stopping not in done:
            for part in done:
                part.result()
            log.error("leadership is lost; another operator may lead")
            return 1
        await retire(operator, lease, fence, leading)
        return 0
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)


def watches_of(operator: Operator) -> Watches:
    observer, namespaces = operator.metrics.api, operator.settings.namespaces
    return Watches(operator.watched, operator.client, observer, operator.clock, namespaces)


async def lead(operator: Operator, lease: LeaderLease) -> None:
    """Wait for the lease, then work for as long as it is held."""
    await lease.acquire()
    await together(operator.work(), lease.hold())


async def retire(operator: Operator, lease: LeaderLease | None, fence: Fence, leading: asyncio.Future[None]) -> None:
    """Give the lease back as soon as nothing that was written under it is under way."""
    await operator.events.flush(LAST_EVENTS_SECONDS)
    fence.shut()
    ended = await operator.client.writes_ended(LAST_WRITES_SECONDS)
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    if lease is None:
        return
    if ended:
        await lease.release()
    else:
        log.warning("A write has not been answered, so the lease is not given back; it will expire")


if __name__ == "__main__":
    sys.exit(main())
