"""Workers: take a key, reconcile it, and decide from how that ended when to look at it again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from footplate.engine.clock import Clock
from footplate.engine.keys import Key
from footplate.engine.queue import WorkQueue
from footplate.engine.result import After, Result
from footplate.errors import FootplateError, InvalidSpec, Retry

log = logging.getLogger(__name__)

Reconcile = Callable[[Key], Awaitable[Result]]


class Observer(Protocol):
    """Hears how reconciles end; the metrics are one."""

    def reconciled(self, kind: str, seconds: float) -> None:
        """One reconcile of an object of that kind took so long, however it ended."""
        ...

    def failed(self, kind: str, error: str) -> None:
        """It ended in an error of that class."""
        ...

    def retried(self, kind: str) -> None:
        """It will be done again although nothing may have changed: it failed, or something was in its way."""
        ...


async def work(queue: WorkQueue, reconcile: Reconcile, count: int, *, observer: Observer, clock: Clock) -> None:
    """Run `count` workers until cancelled. No error of a reconcile ends a worker."""

    async def worker() -> None:
        while True:
            key = await queue.get()
            begun = clock.monotonic()
            try:
                await _one(queue, reconcile, key, observer)
            finally:
                queue.done(key)
                observer.reconciled(key.kind, clock.monotonic() - begun)

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(worker())


async def _one(queue: WorkQueue, reconcile: Reconcile, key: Key, observer: Observer) -> None:
    try:
        result = await _uncancelled(reconcile, key)
    except Retry as retry:
        log.debug("%s: again in %.1f s: %s", key, retry.after, retry)
        queue.add_after(key, retry.after)
        observer.retried(key.kind)
    except InvalidSpec as error:
        log.info("%s: %s: %s", key, error.reason, error)
        observer.failed(key.kind, type(error).__name__)
        queue.forget(key)
    except FootplateError as error:
        seconds = queue.add_failed(key)
        log.warning("%s: again in %.1f s: %s", key, seconds, error)
        observer.failed(key.kind, type(error).__name__)
        observer.retried(key.kind)
    except Exception as error:
        seconds = queue.add_failed(key)
        log.exception("%s: again in %.1f s", key, seconds)
        observer.failed(key.kind, type(error).__name__)
        observer.retried(key.kind)
    else:
        queue.forget(key)
        if isinstance(result, After):
            queue.add_after(key, result.seconds)


async def _uncancelled(reconcile: Reconcile, key: Key) -> Result:
    """A CancelledError that escapes although nobody cancelled the worker is a failure, not the worker's end."""
    try:
        return await reconcile(key)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("something that the reconcile awaited was cancelled") from error
