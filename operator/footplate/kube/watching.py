"""A watch that lives longer than its connections (Kubernetes: API concepts, Efficient detection of changes)."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from math import ceil
from typing import Any

from footplate.errors import Gone
from footplate.kube.failures import watch_failed
from footplate.kube.resources import Resource
from footplate.kube.transport import Request, StreamBroken, Transport

# The API server ends each request after this time, so silence for longer means that the connection is dead.
REQUEST_SECONDS = 240
IDLE_SECONDS = REQUEST_SECONDS + 30.0


async def watch(
    transport: Transport,
    resource: Resource,
    namespace: str | None,
    *,
    name: str | None,
    label_selector: str | None,
    resource_version: str | None,
    timeout_seconds: float | None,
) -> AsyncGenerator[dict[str, Any], None]:
    """See KubeClient.watch."""
    clock = transport.clock
    end = None if timeout_seconds is None else clock.monotonic() + timeout_seconds
    version = resource_version
    while True:
        left = REQUEST_SECONDS if end is None else min(REQUEST_SECONDS, ceil(end - clock.monotonic()))
        if left <= 0:
            return
        params = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(left)}
        if version:
            params["resourceVersion"] = version
        if label_selector:
            params["labelSelector"] = label_selector
        if name:
            params["fieldSelector"] = f"metadata.name={name}"
        request = Request(
            "watch", "GET", resource.path(namespace), f"watch {resource.describe(namespace, name)}", params
        )
        heard = False
        try:
            async with aclosing(_events(transport, request)) as events:
                async for event in events:
                    heard = True
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        yield event
        except Gone:
            version = None
        except StreamBroken:
            pass  # taken up again from `version`; that the server stays away shows when opening fails
        if not heard:
            await clock.sleep(1.0)  # a server that ends every watch at once must not be asked in a tight loop


async def _events(transport: Transport, request: Request) -> AsyncGenerator[dict[str, Any], None]:
    """The lines of one request. Raises Gone and other ApiErrors for an ERROR event."""
    async with transport.stream(request, IDLE_SECONDS) as pieces:
        async for line in lines(pieces):
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise watch_failed(request.action, event["object"])
            yield event


async def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines, of any length, without their ends; an unfinished last one is dropped."""
    rest: list[bytes] = []
    async for piece in pieces:
        first, *more = piece.split(b"\n")
        rest.append(first)
        for start in more:
            line = b"".join(rest)
            rest = [start]
            if line:
                yield line
