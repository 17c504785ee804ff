"""`footplate logs`: one replica's console, while the job runs and long after its pods are gone."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from rich.console import Console as Terminal

from footplate.api.phases import Phase
from footplate.cli import logs
from footplate.cli.problem import COMPLETED, FAILED, INTERRUPTED, CommandFailed, UsageError
from footplate.cli.target import Target
from footplate.cli.watched import Watched, replicas, versions
from footplate.engine.clock import Clock, SystemClock
from footplate.jobs.naming import Replica
from footplate.kube.client import KubeClient
from footplate.kube.resources import TRAINING_JOBS
from footplate_runtime.store import StoreError


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for; without a replica the primary's console, without an attempt the newest one's."""

    name: str
    target: Target
    namespace: str | None
    replica: str | None
    attempt: int | None
    follow: bool


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
    async with order.target.client() as client:
        namespace = order.namespace or client.namespace
        body = await client.get(TRAINING_JOBS, order.name, namespace)
        if body is None:
            raise UsageError(
                f"there is no TrainingJob {namespace}/{order.name}; kubectl get tj -n {namespace} lists them"
            )
        watched = Watched(body)
        replica = _replica(order, watched)
        if order.follow:
            return await _follow(client, order, watched, replica, err)
        attempt = order.attempt or watched.job.status.attempt
        if attempt < 1 or attempt > watched.job.status.attempt:
            raise CommandFailed(_not_started(order, watched))
        *earlier, last = logs.consoles(namespace, watched.job, attempt, replica)
        for console in earlier:
            await _copy(logs.from_store(watched.uri, console.key, 0))
        await _copy(logs.so_far(client, last, watched.uri))
        return COMPLETED


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
            err.print(f"attempt {attempt - 1} has ended; waiting for the next one", style="yellow", highlight=False)
        if order.attempt is None:
            await watch
    finally:
        watch.cancel()
    status = watched.job.status
    if not watched.ended:
        return COMPLETED
    err.print(f"{order.name} {str(status.phase).lower()}: {status.message}", soft_wrap=True, highlight=False)
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
            await _copy(logs.from_store(watched.uri, console.key, 0))
        else:
            await _copy(logs.follow(client, console, clock, partial(_past, watched, known, shown), lambda: watched.uri))


def _past(watched: Watched, known: Callable[[], Sequence[logs.Console]], shown: int) -> bool:
    """Nothing more will come of the console that is shown."""
    attempt = known()[-1].attempt
    return watched.over(attempt) or len(known()) > shown


async def _keep(client: KubeClient, watched: Watched, clock: Clock, err: Terminal) -> None:
    """Keep `watched` up to date until the job has ended."""
    metadata = watched.job.metadata

    def note(sentence: str) -> None:
        err.print(sentence, style="yellow", highlight=False)

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


async def _copy(pieces: AsyncGenerator[bytes]) -> None:
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
    except StoreError as error:
        raise CommandFailed(f"the rest of the log cannot be read from here: {error}") from error
