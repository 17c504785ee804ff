"""Watches: the changes of a collection as a stream of lines.

Source: Kubernetes API Concepts, "Efficient detection of changes".
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
from footplate_local.apiserver.http import views
from footplate_local.apiserver.http.requests import Accepted, Target
from footplate_local.apiserver.selectors import Match
from footplate_local.apiserver.storage.model import Change, HistoryGone, Storage, Stored, encode

JSON = dict[str, Any]
BOOKMARK_SECONDS = 60.0
LONGEST_BACKLOG = 10_000
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """`version` None: begin with the objects that are there now."""

    version: int | None
    matches: Match | None
    timeout: float
    bookmarks: bool
    send_initial: bool

    @staticmethod
    def default_timeout(source: random.Random) -> float:
        """Half an hour to an hour, so that clients do not all come back at once."""
        return source.uniform(1800, 3600)


class Watch:
    """One open watch. It subscribes before it looks at the past, so nothing falls between."""

    def __init__(
        self, storage: Storage, target: Target, options: WatchOptions, accepted: Accepted, now: Callable[[], datetime]
    ) -> None:
        self._storage = storage
        self._target = target
        self._options = options
        self._accepted = accepted
        self._now = now
        self._pending: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._first = True
        self._overflow = False
        self._closed = False
        self._bookmarked = storage.version

    async def serve(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Write events until the time is up, the client leaves, or `close` is called."""
        leave = self._storage.subscribe(self._on_change)
        try:
            self._start()
            await response.prepare(request)
            with contextlib.suppress(ConnectionResetError, TimeoutError):
                async with asyncio.timeout(self._options.timeout):
                    await self._stream(response)
            with contextlib.suppress(ConnectionResetError):
                if self._options.bookmarks and not self._overflow and not self._closed:
                    self._bookmark()
                await self._flush(response)
        finally:
            leave()

    def close(self) -> None:
        """End the stream soon (the server stops, or a test drops connections)."""
        self._closed = True
        self._wake.set()

    async def _stream(self, response: web.StreamResponse) -> None:
        while not self._closed and not self._overflow:
            await self._flush(response)
            self._wake.clear()
            try:
                async with asyncio.timeout(BOOKMARK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                if self._options.bookmarks and self._storage.version != self._bookmarked:
                    self._bookmark()

    async def _flush(self, response: web.StreamResponse) -> None:
        while self._pending:
            lines = b"".join(self._pending)
            self._pending.clear()
            await response.write(lines)

    def _start(self) -> None:
        options, kind = self._options, self._target.kind
        if options.version is None or options.send_initial:
            for stored in self._storage.listing(kind.resource, self._target.namespace):
                if self._concerns(stored) and self._matches(stored):
                    self._send("ADDED", stored)
            if options.send_initial and options.bookmarks:
                self._bookmark({INITIAL_EVENTS_END: "true"})
            return
        try:
            changes = self._storage.changes_since(kind.resource, options.version)
        except HistoryGone as error:
            self._pending.append(encode({"type": "ERROR", "object": errors.gone(str(error)).body()}) + b"\n")
            self._closed = True
            return
        for change in changes:
            self._on_change(change)

    def _on_change(self, change: Change) -> None:
        stored, previous = change.stored, change.previous
        if stored.key.resource != self._target.kind.resource or not self._concerns(stored):
            return
        if len(self._pending) > LONGEST_BACKLOG:  # a client that does not read: it lists again later
            self._overflow = True
            self._wake.set()
            return
        if self._options.matches is None:
            self._send(change.type, stored)
            return
        matched = previous is not None and self._matches(previous)
        matches = change.type != "DELETED" and self._matches(stored)
        if matches:
            self._send("MODIFIED" if matched else "ADDED", stored)
        elif matched and previous is not None:
            self._send("DELETED", stored if change.type == "DELETED" else _at(previous, change.version))

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
        self._bookmarked = self._storage.version
        kind = self._target.kind
        meta: JSON = {"resourceVersion": str(self._bookmarked), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        body: JSON = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta}
        if self._accepted.form == "Table":
            body = {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": meta,
                "columnDefinitions": [],
                "rows": [],
            }
        elif self._accepted.form:
            body = {"kind": self._accepted.form, "apiVersion": "meta.k8s.io/v1", "metadata": meta}
        self._pending.append(encode({"type": "BOOKMARK", "object": body}) + b"\n")
        self._wake.set()


def _at(stored: Stored, version: int) -> Stored:
    """A former state, with the resourceVersion of the change that it left by."""
    obj = {**stored.object, "metadata": {**stored.object["metadata"], "resourceVersion": str(version)}}
    return Stored(stored.key, version, obj, encode(obj))
