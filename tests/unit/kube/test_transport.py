"""HTTP against a server that does what no API server should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from kube_client import BriskClock

from footplate.errors import ApiError, Unavailable
from footplate.kube.client import KubeClient
from footplate.kube.resources import PODS
from footplate.kube.transport import Request, StreamBroken

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
GET = Request("get", "GET", "/api/v1/pods", "list pods")


@asynccontextmanager
async def client_of(handler: Handler, folder: Path) -> AsyncIterator[KubeClient]:
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
        client = await KubeClient.connect(
            kubeconfig=str(kubeconfig), clock=BriskClock(), environ={}, user_agent="footplate/test"
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
