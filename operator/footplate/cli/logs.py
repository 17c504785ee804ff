"""A replica's console: live from its pod while that is there, the rest from the store, no byte lost or doubled.

What the pod's log and the store hold are the same bytes, so the position in the one is the position in the other. A pod
that goes before its log was read to the end leaves the rest in the store once the attempt is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from footplate.api.training_job import TrainingJob
from footplate.cli.runs.address import Address
from footplate.constants import CONTAINER_TRAIN
from footplate.engine.clock import Clock
from footplate.errors import ApiError, NotFound, Unavailable
from footplate.jobs.naming import Replica, pod_name
from footplate.kube.client import KubeClient
from footplate.kube.resources import PODS
from footplate_runtime.contract import log_name
from footplate_runtime.store import read_growing

LOOK_AGAIN_SECONDS = 0.25
_LINE_LIMIT = 1 << 16  # a line longer than that is shown in parts


@dataclass(frozen=True, slots=True)
class Console:
    """Which console: of one pod of a replica in one attempt of a job."""

    namespace: str
    job: str
    attempt: int
    replica: Replica
    replacement: int = 0  # of the n-th pod that replaced a lost one
    before: str | None = None  # uid of the pod that it replaced, which had the same name

    @property
    def pod(self) -> str:
        return pod_name(self.job, self.attempt, self.replica)

    @property
    def key(self) -> str:
        """Below the run in the store."""
        return f"logs/{self.attempt}/{log_name(str(self.replica), self.replacement)}.log"


def consoles(namespace: str, job: TrainingJob, attempt: int, replica: Replica) -> Sequence[Console]:
    """One for each pod that the replica had in the attempt, the oldest first: elastic jobs replace lost ones."""
    lost = [e for a in job.status.attempts if a.number == attempt for e in a.lost or () if e.replica == str(replica)]
    starts = lost[0].times + lost[0].replaced if lost else 1
    names = [Console(namespace, job.metadata.name, attempt, replica, number) for number in range(starts)]
    return [replace(c, before=lost[0].pod_uid) if lost and c.replacement == lost[0].times else c for c in names]


async def follow(
    client: KubeClient, console: Console, clock: Clock, over: Callable[[], bool], run: Callable[[], Address | None]
) -> AsyncGenerator[bytes]:
    """All that the replica prints, until it has ended and all of it was given.

    `over` tells whether the attempt has ended, so that nothing new will come; `run` where the run lies,
    None while that is not known. Raises StoreError when the rest lies in a store that cannot be read from here.
    """
    given = 0
    pod = resumed(client, console.namespace, console.pod, CONTAINER_TRAIN, clock, over, console.before)
    async with aclosing(pod) as pieces:
        async for piece in pieces:
            given += len(piece)
            yield piece
    while not over():
        await clock.sleep(LOOK_AGAIN_SECONDS)
    async with aclosing(from_store(run(), console.key, given)) as rest:
        async for piece in rest:
            yield piece


async def so_far(client: KubeClient, console: Console, run: Address | None) -> AsyncGenerator[bytes]:
    """What the replica has printed until now. Raises StoreError as `follow` does."""
    given = 0
    try:
        there = await client.get(PODS, console.pod, console.namespace)
        if there is None or there["metadata"]["uid"] != console.before:
            async with aclosing(client.pod_log(console.pod, console.namespace, CONTAINER_TRAIN)) as pieces:
                async for piece in pieces:
                    given += len(piece)
                    yield piece
    except Unavailable:
        raise
    except ApiError:
        pass  # no pod any more, or not yet a container: what there is is in the store
    async with aclosing(from_store(run, console.key, given)) as rest:
        async for piece in rest:
            yield piece


async def resumed(
    client: KubeClient,
    namespace: str,
    pod: str,
    container: str,
    clock: Clock,
    over: Callable[[], bool],
    before: str | None = None,
) -> AsyncGenerator[bytes]:
    """A container's log until it has ended, its pod is gone or `over`; taken up where it was when the stream breaks.

    A container that has not started is waited for, and so is the pod while the one of its name still has the uid
    `before`. Raises no ApiError: what cannot be read counts as not there.
    """
    given = 0
    uid: str | None = None
    while True:
        was_over = over()
        try:
            found = await client.get(PODS, pod, namespace)
            now = found["metadata"]["uid"] if found else None
            if uid is not None and now not in (uid, None):
                return  # another has taken its place
            if before is None or now != before:
                uid = now
                skip = given
                async with aclosing(client.pod_log(pod, namespace, container, follow=not was_over)) as pieces:
                    async for piece in pieces:
                        fresh = piece[skip:]
                        skip = max(0, skip - len(piece))
                        given += len(fresh)
                        if fresh:
                            yield fresh
                if was_over or await container_ended(client, namespace, pod, container):
                    return
            elif was_over:
                return
        except ApiError as error:
            if was_over or (given and isinstance(error, NotFound)):
                return
        await clock.sleep(LOOK_AGAIN_SECONDS)


async def container_ended(client: KubeClient, namespace: str, pod: str, container: str) -> bool:
    """The container has terminated, or its pod is gone."""
    body = await client.get(PODS, pod, namespace)
    if body is None:
        return True
    statuses: list[dict[str, Any]] = body.get("status", {}).get("containerStatuses") or []
    return any(s["name"] == container and "terminated" in (s.get("state") or {}) for s in statuses)


async def from_store(run: Address | None, key: str, start: int) -> AsyncGenerator[bytes]:
    """A growing file of a run from `start` on; nothing when the run has no place in a store yet."""
    if run is None:
        return
    blocks: Iterator[bytes] = read_growing(await asyncio.to_thread(run.open), key, start)
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        yield block


class Lines:
    """Pieces of a byte stream in, whole lines out."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, piece: bytes) -> list[bytes]:
        """The lines that this piece completes, without their ends."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > _LINE_LIMIT:
            lines.append(self._rest)
            self._rest = b""
        return lines

    def finish(self) -> list[bytes]:
        """The last line, if it has no end."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []
