"""kopf's watches, begun anew whenever they end.

kopf runs in a thread, on an event loop of its own: when it ends it cancels all that runs on its loop, what it parses of
long lists must not keep the lease from being renewed, and signals are none of its business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import kopf

from footplate import handlers
from footplate.engine.clock import Clock
from footplate.handlers import EventObserver
from footplate.kube.client import KubeClient
from footplate.kube.config import Credentials
from footplate.watched import Watched

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0
GOOD_SECONDS = 30.0  # watches that lasted so long are begun anew as if for the first time
LAST_SECONDS = 2.0
END_SECONDS = 10.0


class Watches:
    """Tells `watched` of events, on the event loop on which `run` is awaited."""

    def __init__(
        self, watched: Watched, client: KubeClient, observer: EventObserver, clock: Clock, namespaces: tuple[str, ...]
    ) -> None:
        self._watched = watched
        self._client = client
        self._observer = observer
        self._clock = clock
        self._namespaces = namespaces
        self._random = Random()

    async def run(self) -> None:
        """Until it is cancelled. What ends kopf (an answer that it does not expect, say) is logged."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            begun = self._clock.monotonic()
            why = await self._once()
            if self._clock.monotonic() - begun > GOOD_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.warning("The watches have ended and are begun anew in %.0f s: %s", pause, why)
            await self._clock.sleep(pause * self._random.uniform(1, 2))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _once(self) -> str:
        """Run kopf until it ends; returns why it has."""
        here = asyncio.get_running_loop()
        ended: asyncio.Future[str] = here.create_future()

        def end(why: str) -> None:
            if not ended.done():
                ended.set_result(why)

        there = _KopfThread(self._kopf(here), lambda why: here.call_soon_threadsafe(end, why))
        try:
            return await ended
        finally:
            await asyncio.to_thread(there.stop)

    async def _kopf(self, here: asyncio.AbstractEventLoop) -> None:
        registry = handlers.registry(
            _Handed(here, self._watched), _Asked(here, self._client), self._observer, self._clock
        )
        namespaces = self._namespaces
        parts = await kopf.spawn_tasks(
            registry=registry,
            settings=handlers.settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
        )
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            await _end_the_rest()


async def _end_the_rest() -> None:
    """Cancel all other tasks of this loop; some of kopf's, which try again, take many seconds to notice."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=LAST_SECONDS)


class _KopfThread:
    """Runs one coroutine to its end, and says then why it has ended."""

    def __init__(self, work: Any, ended: Callable[[str], object]) -> None:
        self._ended = ended
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] = self._loop.create_task(work)
        self._thread = threading.Thread(target=self._serve, name="kopf", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Cancel it and wait. A thread that does not end does not keep the process from ending."""
        with contextlib.suppress(RuntimeError):  # its loop is closed: it has ended
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(END_SECONDS)
        if self._thread.is_alive():
            log.warning("kopf has not ended within %.0f s", END_SECONDS)

    def _serve(self) -> None:
        why = "kopf returned"
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            why = "kopf was cancelled"
        except Exception as error:  # noqa: BLE001 - whatever it is, the watches are begun anew, and it is logged
            why = f"{type(error).__name__}: {error}"
        finally:
            self._loop.close()
            with contextlib.suppress(RuntimeError):  # the process ends, and nobody is interested
                self._ended(why)


class _Handed:
    """Hands events on to the loop on which the stores live."""

    def __init__(self, loop: asyncio.AbstractEventLoop, watched: Watched) -> None:
        self._loop = loop
        self._watched = watched

    def on_job(self, event: str | None, body: Mapping[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._watched.on_job, event, body)

    def on_pod(self, event: str | None, body: Mapping[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._watched.on_pod, event, body)

    def on_environment(self, event: str | None, body: Mapping[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._watched.on_environment, event, body)


class _Asked:
    """Asks the client for its credentials on the loop on which it lives."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: KubeClient) -> None:
        self._loop = loop
        self._client = client

    async def credentials(self) -> Credentials:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._client.credentials(), self._loop))
