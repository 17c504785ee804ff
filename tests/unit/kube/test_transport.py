"""HTTP against a server that does what no API server should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from kube_client import BriskClock

from footplate.engine.clock import SystemClock
from footplate.errors import ApiError, Unavailable
from footplate.kube.client import KubeClient
from footplate.kube.fence import Fence, NotLeading
from footplate.kube.resources import PODS
from footplate.kube.transport import Request, StreamBroken

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
GET = Request("get", "GET", "/api/v1/pods", "list pods")


@asynccontextmanager
async def client_of(handler: Handler, folder: Path, **options: Any) -> AsyncIterator[KubeClient]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        document = {
            "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": str(server.make_url("/k8s/clusters/c-1/"))}}],
            "users": [{"name": "x", "user": {"token": "secret"}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        }
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(document))
        options = {"clock": BriskClock(), **options}
        client = await KubeClient.connect(
            kubeconfig=str(kubeconfig), environ={}, user_agent="footplate/test", **options
        )
        try:
            yield client
        finally:
            await client.close()


async def test_requests_carry_the_token_the_agent_and_the_servers_path(tmp_path: Path) -> None:
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.json_response({"metadata": {"name": "a b"}})

    async with client_of(handler, tmp_path) as client:
        await client.get(PODS, "a b", "default")
    assert seen[0].raw_path == "/k8s/clusters/c-1/api/v1/namespaces/default/pods/a%20b"
    assert seen[0].headers["Authorization"] == "Bearer secret"
    assert seen[0].headers["User-Agent"] == "footplate/test"


async def test_an_answer_that_is_no_json_is_no_api_servers(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>Welcome</html>")

    async with client_of(handler, tmp_path) as client:
        with pytest.raises(ApiError, match="does not answer as an API server does"):
            await client.get(PODS, "a", "default")


async def test_a_redirect_is_not_followed_with_our_token(tmp_path: Path) -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        raise web.HTTPFound("/login")

    async with client_of(handler, tmp_path) as client:
        with pytest.raises(ApiError, match="302"):
            await client.get(PODS, "a", "default")
    assert len(seen) == 1


async def test_an_answer_that_breaks_off_is_tried_again(tmp_path: Path) -> None:
    tries = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal tries
        tries += 1
        if tries == 3:
            return web.json_response({"whole": True})
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"whole":')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with client_of(handler, tmp_path) as client:
        assert await client.get(PODS, "a", "default") == {"whole": True}
    assert tries == 3


async def test_a_stream_that_falls_silent_is_broken(tmp_path: Path) -> None:
    released = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one")
        await released.wait()
        return response

    async with client_of(handler, tmp_path) as client:
        async with client._transport.stream(GET, idle_seconds=0.2) as pieces:
            assert await anext(pieces) == b"one"
            with pytest.raises(StreamBroken, match="Could not list pods"):
                await anext(pieces)
        released.set()


async def test_a_line_of_a_megabyte_passes(tmp_path: Path) -> None:
    name = "x" * (1 << 20)

    async def handler(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            raise web.HTTPNotFound
        event = {"type": "ADDED", "object": {"metadata": {"name": name, "resourceVersion": "1"}}}
        response = web.json_response(event)
        response.body = (response.body or b"") + b"\n"  # type: ignore[operator]
        return response

    async with client_of(handler, tmp_path) as client:
        event = await anext(client.watch(PODS))
    assert event["object"]["metadata"]["name"] == name


async def test_a_server_that_refuses_connections_is_unavailable(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with client_of(handler, tmp_path) as client:
        with pytest.raises(Unavailable, match="does not answer"):
            await client.list(PODS)


POD = {"metadata": {"name": "a", "namespace": "default"}}
WRITES: dict[str, Callable[[KubeClient], Awaitable[object]]] = {
    "create": lambda client: client.create(PODS, POD),
    "update": lambda client: client.update(PODS, POD),
    "patch": lambda client: client.patch(PODS, "a", "default", {}),
    "apply": lambda client: client.apply(PODS, POD, field_manager="x"),
    "delete": lambda client: client.delete(PODS, "a", "default"),
}


@pytest.mark.parametrize("verb", WRITES)
async def test_behind_a_closed_fence_is_read_and_not_written(tmp_path: Path, verb: str) -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.method)
        return web.json_response(POD)

    clock = SystemClock()
    fence = Fence(clock)
    async with client_of(handler, tmp_path, fence=fence) as client:
        with pytest.raises(NotLeading):
            await WRITES[verb](client)
        await client.get(PODS, "a", "default")
        assert seen == ["GET"]
        fence.open_until(clock.monotonic() + 60)
        await WRITES[verb](client)
        assert len(seen) == 2


@pytest.mark.parametrize("verb", WRITES)
async def test_a_fence_that_closes_while_a_write_waits_for_its_connection_stops_it(tmp_path: Path, verb: str) -> None:
    """Looked at when the write begins the fence is open; when its first byte is about to leave it is not."""
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.method)
        return web.json_response(POD)

    class ClosesAfterTheFirstLook(Fence):
        looks = 0

        def seconds_left(self) -> float:
            self.looks += 1
            if self.looks == 2:
                self.shut()
            return super().seconds_left()

    fence = ClosesAfterTheFirstLook(SystemClock(), until=inf)
    async with client_of(handler, tmp_path, fence=fence) as client:
        with pytest.raises(NotLeading):
            await WRITES[verb](client)
        assert fence.looks >= 3, "the second try is not begun"
        assert await client.writes_ended(0)
    assert seen == []


async def test_a_write_takes_no_longer_than_the_fence_is_open(tmp_path: Path) -> None:
    released = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.json_response(POD)

    clock = SystemClock()
    fence = Fence(clock)
    async with client_of(handler, tmp_path, fence=fence, clock=clock) as client:
        begun = clock.monotonic()
        fence.open_until(begun + 0.3)
        with pytest.raises(NotLeading):  # of the second try
            await client.create(PODS, POD)
        assert 0.3 <= clock.monotonic() - begun < 10
        released.set()


async def test_writes_under_way_are_waited_for(tmp_path: Path) -> None:
    arrived, released = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        arrived.set()
        await released.wait()
        return web.json_response(POD)

    fence = Fence(SystemClock(), until=inf)
    async with client_of(handler, tmp_path, fence=fence, clock=SystemClock()) as client:
        write = asyncio.ensure_future(client.create(PODS, POD))
        await arrived.wait()
        fence.shut()
        assert not await client.writes_ended(0.1)
        waiting = asyncio.ensure_future(client.writes_ended(20))
        released.set()
        assert await waiting
        assert await write == POD


async def test_a_client_without_tries_and_time_gives_up_at_once(tmp_path: Path) -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.method)
        await asyncio.Event().wait()
        raise AssertionError

    clock = SystemClock()
    async with client_of(handler, tmp_path, clock=clock, qps=None, tries=1, answer_seconds=0.2) as client:
        begun = clock.monotonic()
        with pytest.raises(Unavailable):
            await client.get(PODS, "a", "default")
        assert clock.monotonic() - begun < 10
    assert seen == ["GET"]
