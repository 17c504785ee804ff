"""The node's HTTP side: container logs as the kubelet serves them, and its health."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from aiohttp import web

from footplate_local.node.logs import LogOptions, read_log
from footplate_local.node.runner import PodRunner

FindPod = Callable[[str, str], PodRunner | None]


def application(find: FindPod) -> web.Application:
    """FIND gives the runner of (namespace, name)."""

    async def logs(request: web.Request) -> web.StreamResponse:
        return await _logs(request, find)

    app = web.Application()
    app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", logs)
    app.router.add_get("/healthz", _healthz)
    return app


async def _healthz(_: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _logs(request: web.Request, find: FindPod) -> web.StreamResponse:
    name, container = request.match_info["pod"], request.match_info["container"]
    runner = find(request.match_info["namespace"], name)
    if runner is None:
        raise web.HTTPNotFound(text=f'pod "{name}" is not on this node')
    options = _options(request.query)
    number = runner.latest_run(container)
    if request.query.get("previous") == "true":
        number = None if number in (None, 0) else number - 1
        if number is None:
            raise web.HTTPBadRequest(text=f'previous terminated container "{container}" in pod "{name}" not found')
    if number is None:
        reason = runner.waiting_reason(container)
        raise web.HTTPBadRequest(text=f'container "{container}" in pod "{name}" is waiting to start: {reason}')
    path = runner.folder.log(container, number)
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    if path.exists():
        async for piece in read_log(path, options, lambda: not runner.is_running(container, number)):
            await response.write(piece)
    return response


def _options(query: Mapping[str, str]) -> LogOptions:
    """Kubernetes: PodLogOptions. Raises HTTPBadRequest for numbers that are none."""
    try:
        since: float | None = None
        if query.get("sinceSeconds"):
            since = time.time() - float(query["sinceSeconds"])
        elif query.get("sinceTime"):
            since = datetime.fromisoformat(query["sinceTime"]).timestamp()
        return LogOptions(
            follow=query.get("follow") == "true",
            tail=int(query["tailLines"]) if query.get("tailLines") else None,
            since=since,
            timestamps=query.get("timestamps") == "true",
            limit=int(query["limitBytes"]) if query.get("limitBytes") else None,
        )
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"the log options cannot be read: {error}") from error
