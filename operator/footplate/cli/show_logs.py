"""`footplate logs`: one replica's console, while the job runs and long after its pods are gone."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from rich.console import Console as Terminal

from footplate.api.phases import Phase
from footplate.cli import logs
from footplate.cli.problem import COMPLETED, FAILED, INTERRUPTED, CommandFailed, UsageError
from footplate.cli.runs import stored_logs
from footplate.cli.runs.address import Where
from footplate.cli.runs.find import Found, find_known, found_at
from footplate.cli.runs.known import ask
from footplate.cli.runs.stored_logs import copied
from footplate.cli.screen import tell
from footplate.cli.watched import Watched, replicas, versions
from footplate.engine.clock import Clock, SystemClock
from footplate.jobs.naming import Replica
from footplate.kube.client import KubeClient


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for; without a replica the primary's console, without an attempt the newest one's. With `listing`
    what logs there are, with `file` one of these."""

    where: Where
    name: str
    replica: str | None
    attempt: int | None
    follow: bool
    listing: bool
    file: str | None


def show(order: Order, err: Terminal) -> int:
    """Write the console's bytes to stdout as they came. With `follow` the exit code is the job's result."""
    return asyncio.run(_interruptible(order, err))


async def _interruptible(order: Order, err: Terminal) -> int:
    task = asyncio.ensure_future(_show(order, err))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED


async def _show(order: Order, err: Terminal) -> int:
    """From the pods of a job that the cluster has, else from the store."""
    if "://" in order.name:
        return await _stored(order, await asyncio.to_thread(found_at, order.where, order.name), err)
    there = await ask(order.where, order.name)
    job = next((job for job in there.jobs if job["metadata"]["name"] == order.name), None)
    if job is None or order.listing or order.file:
        return await _stored(order, await asyncio.to_thread(find_known, there, order.name), err)
    async with order.where.target.client() as client:
        watched = Watched(job, there.stores)
        replica = _replica(order, watched)
        if order.follow:
            return await _follow(client, order, watched, replica, err)
        attempt = order.attempt or watched.job.status.attempt
        if attempt < 1 or attempt > watched.job.status.attempt:
            raise CommandFailed(_not_started(order, watched))
        *earlier, last = logs.consoles(job["metadata"]["namespace"], watched.job, attempt, replica)
        for console in earlier:
            await copied(logs.from_store(watched.run, console.key, 0))
        await copied(logs.so_far(client, last, watched.run))
        return COMPLETED


async def _stored(order: Order, found: Found, err: Terminal) -> int:
    tell(err, found.notes)
    if order.listing:
        return await asyncio.to_thread(stored_logs.show_list, found)
    if order.file:
        return await stored_logs.show_file(found, order.file)
    wanted = stored_logs.Wanted(order.attempt, order.replica)
    return await (stored_logs.follow if order.follow else stored_logs.show_console)(found, wanted)


async def _follow(client: KubeClient, order: Order, watched: Watched, replica: Replica, err: Terminal) -> int:
    clock = SystemClock()
    watch = asyncio.ensure_future(_keep(client, watched, clock, err))
    try:
        attempt = order.attempt or max(1, watched.job.status.attempt)
        while await _started(watched, attempt, watch, clock):
            await _copy_attempt(client, order, watched, replica, attempt, clock)
            attempt += 1
            if order.attempt or watched.ended:
                break
            tell(err, [f"attempt {attempt - 1} has ended; waiting for the next one"])
        if order.attempt is None:
            await watch
    finally:
        watch.cancel()
    status = watched.job.status
    if not watched.ended:
        return COMPLETED
    tell(err, [f"{order.name} {str(status.phase).lower()}: {status.message}"], "")
    return COMPLETED if status.phase == Phase.COMPLETED else FAILED


async def _copy_attempt(
    client: KubeClient, order: Order, watched: Watched, replica: Replica, attempt: int, clock: Clock
) -> None:
    """Those of pods that were replaced from the store, then the newest; a next one follows when that is lost too."""
    namespace = watched.job.metadata.namespace or ""

    def known() -> Sequence[logs.Console]:
        return logs.consoles(namespace, watched.job, attempt, replica)

    shown = 0
    while shown < len(known()):
        console = known()[shown]
        shown += 1
        if shown < len(known()):
            await copied(logs.from_store(watched.run, console.key, 0))
        else:
            await copied(
                logs.follow(client, console, clock, partial(_past, watched, known, shown), lambda: watched.run)
            )


def _past(watched: Watched, known: Callable[[], Sequence[logs.Console]], shown: int) -> bool:
    """Nothing more will come of the console that is shown."""
    attempt = known()[-1].attempt
    return watched.over(attempt) or len(known()) > shown


async def _keep(client: KubeClient, watched: Watched, clock: Clock, err: Terminal) -> None:
    """Keep `watched` up to date until the job has ended."""
    metadata = watched.job.metadata

    def note(sentence: str) -> None:
        tell(err, [sentence])

    async for body in versions(client, metadata.namespace or "", metadata.name, clock, note):
        watched.see(body)
        if watched.ended:
            return
    raise CommandFailed(f"TrainingJob {metadata.namespace}/{metadata.name} was deleted")


async def _started(watched: Watched, attempt: int, watch: asyncio.Future[None], clock: Clock) -> bool:
    """Wait until the attempt begins; False when the job has ended without it."""
    while watched.job.status.attempt < attempt and not watched.ended:
        if watch.done():
            watch.result()
        await clock.sleep(logs.LOOK_AGAIN_SECONDS)
    return watched.job.status.attempt >= attempt


def _replica(order: Order, watched: Watched) -> Replica:
    known = replicas(watched.job)
    if order.replica is None:
        return known[0]
    for replica in known:
        if str(replica) == order.replica:
            return replica
    shown = ", ".join(str(replica) for replica in known[:8]) + (", …" if len(known) > 8 else "")
    raise UsageError(f"{order.name} has no replica {order.replica}; it has {shown}")


def _not_started(order: Order, watched: Watched) -> str:
    status = watched.job.status
    if order.attempt:
        return f"{order.name} has had no attempt {order.attempt}; the newest is {status.attempt}"
    return f"{order.name} has not started yet ({status.phase}: {status.message}); -f waits for it"
