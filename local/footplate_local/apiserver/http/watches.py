"""Watches: the changes of a collection as a stream of lines.

Sources: Kubernetes API Concepts, "Efficient detection of changes" and "Streaming lists"; apiserver pkg/storage/cacher.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from footplate_local.apiserver import errors
from footplate_local.apiserver.http import freshness, views
from footplate_local.apiserver.http.negotiation import Accepted
from footplate_local.apiserver.http.requests import Target
from footplate_local.apiserver.objects.selectors import Match
from footplate_local.apiserver.storage.model import Change, HistoryGone, Storage, Stored, at_version, encode

JSON = dict[str, Any]
BOOKMARK_SECONDS = 60.0
LAST_BOOKMARK_SECONDS = 2.0
LONGEST_BACKLOG = 10_000
LARGEST_BACKLOG = 16 << 20
"""Changes, and their bytes, that wait for a client that does not read."""
_PIECE = 256 << 10
FAREWELL_SECONDS = 5.0
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """`version` 0 with `send_initial` false: from now on. `send_initial`: begin with the objects that are there."""

    version: int
    matches: Match | None
    timeout: float
    bookmarks: bool
    send_initial: bool

    @staticmethod
    def default_timeout(source: random.Random) -> float:
        """Half an hour to an hour, so that clients do not all come back at once."""
        return source.uniform(1800, 3600)


class Watch:
    """One open watch. It looks at the past and subscribes in one step, so nothing falls between."""

    def __init__(
        self, storage: Storage, target: Target, options: WatchOptions, accepted: Accepted, now: Callable[[], datetime]
    ) -> None:
        self._storage = storage
        self._target = target
        self._options = options
        self._accepted = accepted
        self._now = now
        self._pending: deque[bytes] = deque()
        self._backlog = 0  # bytes of the changes in it
        self._wake = asyncio.Event()
        self._first = True
        self._overflow = False
        self._closed = False
        self._sent_up_to = 0
        self._leave: Callable[[], None] = lambda: None
        self._ends = asyncio.get_running_loop().time() + options.timeout

    async def serve(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Write events until the time is up, the client leaves, or `close` is called."""
        try:
            with contextlib.suppress(ConnectionResetError, TimeoutError):
                async with asyncio.timeout(self._options.timeout):
                    if self._options.send_initial and self._storage.version < self._options.version:
                        await response.prepare(request)
                        await self._wait_for_version()
                    self._start()
                    await response.prepare(request)
                    await self._stream(response)
            with contextlib.suppress(ConnectionResetError, TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):  # a client that does not read holds nobody up
                    await response.prepare(request)
                    await self._flush(response)
        finally:
            self._leave()

    def close(self) -> None:
        """End the stream soon (the server stops, or a test drops connections)."""
        self._closed = True
        self._wake.set()

    async def _wait_for_version(self) -> None:
        try:
            await freshness.wait_for(self._storage, self._options.version)
        except errors.StatusError as error:
            self._fail(error)

    def _start(self) -> None:
        """Queue what there is, or what has happened since the version that was asked for, and follow what comes."""
        options, kind = self._options, self._target.kind
        if self._closed:
            return
        if options.send_initial:
            self._sent_up_to = self._storage.version
            for stored in self._storage.listing(kind.resource, self._target.namespace):
                if self._concerns(stored) and self._matches(stored):
                    self._send("ADDED", stored)
            if options.bookmarks:
                self._bookmark({INITIAL_EVENTS_END: "true"})
        else:
            self._sent_up_to = options.version or self._storage.version
            try:
                for change in self._storage.changes_since(kind.resource, self._sent_up_to):
                    self._on_change(change)
            except HistoryGone as error:
                self._fail(errors.gone(str(error)))
        self._leave = self._storage.subscribe(self._on_change)

    def _fail(self, error: errors.StatusError) -> None:
        """End the stream with an error: once a watch is accepted, its answer is 200 and errors are events."""
        self._pending.clear()
        self._pending.append(encode({"type": "ERROR", "object": error.body()}) + b"\n")
        self._closed = True

    async def _stream(self, response: web.StreamResponse) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_at(self._next_bookmark(), self._wake.set)
        try:
            while not self._closed and not self._overflow:
                self._wake.clear()  # first: what happens while a slow client is written to is seen below
                await self._flush(response)
                await self._wake.wait()
                if loop.time() >= timer.when():
                    if self._options.bookmarks:
                        self._bookmark()
                    timer = loop.call_at(self._next_bookmark(), self._wake.set)
        finally:
            timer.cancel()

    def _next_bookmark(self) -> float:
        """Every minute, and once shortly before the end, so that a client that resumes has little to catch up with."""
        now = asyncio.get_running_loop().time()
        last = self._ends - LAST_BOOKMARK_SECONDS
        return min(now + BOOKMARK_SECONDS, last) if now < last else self._ends + BOOKMARK_SECONDS

    async def _flush(self, response: web.StreamResponse) -> None:
        """Write what waits, in pieces: lines are shared by all watches, their copies are not."""
        while self._pending:
            lines, size = [], 0
            while self._pending and size < _PIECE:
                lines.append(self._pending.popleft())
                size += len(lines[-1])
            self._backlog = max(0, self._backlog - size)
            await response.write(b"".join(lines))

    def _on_change(self, change: Change) -> None:
        stored, previous = change.stored, change.previous
        if stored.key.resource != self._target.kind.resource or not self._concerns(stored):
            return
        if change.version <= self._sent_up_to:  # the past of a version that is still to come
            return
        if len(self._pending) > LONGEST_BACKLOG or self._backlog > LARGEST_BACKLOG:  # it resumes, or lists again, later
            self._overflow = True
            self._wake.set()
            return
        self._backlog += len(stored.raw)
        if self._options.matches is None:
            self._send(change.type, stored)
            return
        matched = previous is not None and self._matches(previous)
        matches = change.type != "DELETED" and self._matches(stored)
        if matches:
            self._send("MODIFIED" if matched else "ADDED", stored)
        elif matched and previous is not None:
            self._send("DELETED", stored if change.type == "DELETED" else at_version(previous, change.version))

    def _concerns(self, stored: Stored) -> bool:
        target = self._target
        if target.namespace and stored.key.namespace != target.namespace:
            return False
        return not target.name or stored.key.name == target.name

    def _matches(self, stored: Stored) -> bool:
        return self._options.matches is None or self._options.matches(stored.object)

    def _send(self, change_type: str, stored: Stored) -> None:
        line = views.event(self._target.kind, change_type, stored, self._accepted, self._now(), first=self._first)
        self._first = False
        self._pending.append(line)
        self._wake.set()

    def _bookmark(self, annotations: JSON | None = None) -> None:
        meta: JSON = {"resourceVersion": str(max(self._storage.version, self._sent_up_to))}
        if annotations:
            meta["annotations"] = annotations
        body = views.bookmark(self._target.kind, meta, self._accepted)
        self._pending.append(encode({"type": "BOOKMARK", "object": body}) + b"\n")
        self._wake.set()
