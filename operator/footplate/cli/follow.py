"""Following a job from its start to its end: phases, the build's log, the primary replica's log."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

from footplate.api.phases import Phase
from footplate.cli import logs
from footplate.cli.problem import CommandFailed
from footplate.cli.screen import Screen
from footplate.cli.watched import Json, Watched, replicas, versions
from footplate.constants import CONTAINER_BUILD, LABEL_ENVIRONMENT
from footplate.engine.clock import Clock
from footplate.errors import ApiError
from footplate.kube.client import KubeClient
from footplate.kube.resources import PODS
from footplate_runtime.store import StoreError

_DRAIN_SECONDS = 30.0  # for the rest of the log once the job has ended


async def to_the_end(client: KubeClient, namespace: str, name: str, screen: Screen, clock: Clock) -> Json:
    """Show the job until it is Completed, Failed or Canceled, and return it as it is then.

    Raises CommandFailed when the job is deleted under way, Unavailable when the API server stays away.
    """
    follower: _Follower | None = None
    beats = asyncio.ensure_future(_beat(screen, clock))
    try:
        async with aclosing(versions(client, namespace, name, clock, screen.note)) as bodies:
            async for body in bodies:
                if follower is None:
                    follower = _Follower(client, Watched(body), screen, clock)
                if follower.see(body):
                    await follower.finish()
                    return body
    finally:
        beats.cancel()
        if follower is not None:
            await follower.stop()
    raise CommandFailed(f"TrainingJob {namespace}/{name} was deleted while it was followed")


async def _beat(screen: Screen, clock: Clock) -> None:
    while True:
        await clock.sleep(1.0)
        screen.beat()


class _Follower:
    """What is shown of one job so far, and the logs that are being read."""

    def __init__(self, client: KubeClient, watched: Watched, screen: Screen, clock: Clock) -> None:
        self._client = client
        self._watched = watched
        self._screen = screen
        self._clock = clock
        self._shown: tuple[str | None, str | None] = (None, None)
        self._logs: dict[int, asyncio.Task[None]] = {}
        self._build: asyncio.Task[None] | None = None

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        return [*self._logs.values(), *([self._build] if self._build else [])]

    def see(self, body: Json) -> bool:
        """Take the newest version of the job; True when it has ended. Raises what kept a log from being shown."""
        for task in self._tasks:
            if task.done():
                task.result()
        self._watched.see(body)
        job, status = self._watched.job, body.get("status") or {}
        created = job.metadata.creation_timestamp
        age = (self._clock.now() - created).total_seconds() if created else 0.0
        current = (status.get("phase"), status.get("reason"))
        self._screen.progress(age, status)
        if current != self._shown and current[0] and not self._watched.ended:
            self._screen.phase(age, str(current[0]), str(current[1] or ""), str(status.get("message") or ""))
        self._shown = current
        if job.status.phase == Phase.PREPARING and job.spec.environment is not None and self._build is None:
            self._build = asyncio.ensure_future(self._show_build(job.spec.environment.name))
        if job.status.attempt and job.status.attempt not in self._logs:
            self._logs[job.status.attempt] = asyncio.ensure_future(self._show_log(job.status.attempt))
        return self._watched.ended

    async def finish(self) -> None:
        """The job has ended: let the logs come to their end. Raises what kept one from being read."""
        if not self._tasks:
            return
        done, late = await asyncio.wait(self._tasks, timeout=_DRAIN_SECONDS)
        if late:
            self._screen.note(f"the rest of the log has not come within {_DRAIN_SECONDS:.0f} s")
        for task in done:
            task.result()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _show_log(self, attempt: int) -> None:
        """The primary's log of one attempt, after that of the attempt before."""
        before = self._logs.get(attempt - 1)
        if before is not None:
            await asyncio.wait([before])
        watched = self._watched
        metadata = watched.job.metadata
        primary, *others = replicas(watched.job)
        console = logs.Console(metadata.namespace or "", metadata.name, attempt, primary)
        pieces = logs.follow(self._client, console, self._clock, lambda: watched.over(attempt), lambda: watched.run)
        try:
            await self._print(pieces, str(primary) if others else None)
        except StoreError as error:
            self._screen.note(f"the rest of the log is in {watched.uri}{console.key}, which cannot be read: {error}")

    async def _show_build(self, environment: str) -> None:
        """The log of the pod that builds the environment, if there is one while the job prepares."""
        namespace = self._watched.job.metadata.namespace or ""
        selector = f"{LABEL_ENVIRONMENT}={environment}"
        while self._watched.job.status.phase == Phase.PREPARING:
            with contextlib.suppress(ApiError):  # its container has not started yet, or the API server is away
                for pod in await self._client.list(PODS, namespace, label_selector=selector):
                    name = pod["metadata"]["name"]
                    pieces = logs.resumed(self._client, namespace, name, CONTAINER_BUILD, self._clock, self._prepared)
                    if await self._print(pieces, "build"):
                        return
            await self._clock.sleep(logs.LOOK_AGAIN_SECONDS)

    def _prepared(self) -> bool:
        return self._watched.job.status.phase != Phase.PREPARING

    async def _print(self, pieces: AsyncGenerator[bytes], source: str | None) -> bool:
        """Show all lines; whether there were any."""
        lines, any_shown = logs.Lines(), False
        async with aclosing(pieces):
            async for piece in pieces:
                whole = lines.add(piece)
                if whole:
                    self._screen.log(whole, source)
                    any_shown = True
        rest = lines.finish()
        if rest:
            self._screen.log(rest, source)
        return any_shown or bool(rest)
