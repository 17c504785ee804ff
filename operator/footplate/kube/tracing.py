"""Hears the calls of an HTTP session that is not ours: kopf's, which watches and lists."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Protocol

import aiohttp
from yarl import URL

from footplate.engine.clock import Clock
from footplate.kube.transport import CallObserver


class WatchObserver(CallObserver, Protocol):
    """Hears of the watches of a session beside its calls."""

    def watch_opened(self, resource: str) -> None:
        """A watch of a resource (trainingjobs, pods, …) has begun, the first or one that takes up another."""
        ...

    def watch_listed(self, resource: str) -> None:
        """A watch lists everything that there is: at the start, and when it cannot go on where it was."""
        ...


def traced(observer: WatchObserver, clock: Clock) -> aiohttp.TraceConfig:
    """What a session is to be made with for `observer` to hear of its calls (aiohttp: client tracing)."""
    tracing = aiohttp.TraceConfig()

    async def begun(_: aiohttp.ClientSession, call: SimpleNamespace, told: aiohttp.TraceRequestStartParams) -> None:
        call.begun = clock.monotonic()

    async def answered(_: aiohttp.ClientSession, call: SimpleNamespace, told: aiohttp.TraceRequestEndParams) -> None:
        verb, resource, status = verb_of(told.url), resource_of(told.url), told.response.status
        observer.api_called(verb, status, clock.monotonic() - call.begun)
        if status == 200 and verb == "watch":
            observer.watch_opened(resource)
        if status == 200 and verb == "list" and "continue" not in told.url.query:
            observer.watch_listed(resource)

    async def failed(
        _: aiohttp.ClientSession, call: SimpleNamespace, told: aiohttp.TraceRequestExceptionParams
    ) -> None:
        observer.api_called(verb_of(told.url), 0, clock.monotonic() - call.begun)

    tracing.on_request_start.append(begun)
    tracing.on_request_end.append(answered)
    tracing.on_request_exception.append(failed)
    return tracing


def verb_of(url: URL) -> str:
    """Watch, list, or get: for discovery, which is all else that kopf asks. It gives every list a limit."""
    if "watch" in url.query:
        return "watch"
    return "list" if "limit" in url.query else "get"


def resource_of(url: URL) -> str:
    """The plural at the end of a collection's path."""
    return url.path.rpartition("/")[2]
