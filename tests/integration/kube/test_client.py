"""The client against the embedded API server, also when it misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from api_server import ApiServerInThread
from kube_client import BriskClock, connected

from footplate.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Gone,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from footplate.kube.client import KubeClient
from footplate.kube.resources import CONFIG_MAPS, NAMESPACES, NODES, PODS, TRAINING_JOBS

SECONDS = 20.0  # no step of these tests needs one


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "test"}},
        "data": data,
    }


class Calls:
    def __init__(self) -> None:
        self.made: list[tuple[str, int]] = []
        self.seconds: list[float] = []
        self.waits: list[float] = []
        self.retried: list[str] = []

    def api_called(self, verb: str, code: int, seconds: float) -> None:
        self.made.append((verb, code))
        self.seconds.append(seconds)

    def api_waited(self, seconds: float) -> None:
        self.waits.append(seconds)

    def api_retried(self, verb: str) -> None:
        self.retried.append(verb)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
async def client(api_server: ApiServerInThread, calls: Calls) -> AsyncIterator[KubeClient]:
    async with connected(api_server, observer=calls) as client:
        yield client


async def test_an_object_is_created_read_changed_and_deleted(client: KubeClient) -> None:
    created = await client.create(CONFIG_MAPS, config_map("a", x="1"))
    assert created["metadata"]["uid"]
    assert await client.get(CONFIG_MAPS, "a", "default") == created
    written = await client.update(CONFIG_MAPS, {**created, "data": {"x": "2"}})
    assert written["data"] == {"x": "2"}
    patched = await client.patch(CONFIG_MAPS, "a", "default", {"data": {"x": None, "y": "3"}})
    assert patched["data"] == {"y": "3"}
    applied = await client.apply(CONFIG_MAPS, config_map("a", z="4"), field_manager="tests")
    assert applied["data"] == {"y": "3", "z": "4"}
    assert await client.delete(CONFIG_MAPS, "a", "default")
    assert await client.get(CONFIG_MAPS, "a", "default") is None
    assert not await client.delete(CONFIG_MAPS, "a", "default")


async def test_apply_creates_what_is_not_there(client: KubeClient) -> None:
    applied = await client.apply(CONFIG_MAPS, config_map("a", x="1"), field_manager="tests")
    assert (await client.get(CONFIG_MAPS, "a", "default")) == applied


async def test_cluster_scoped_objects_have_no_namespace(client: KubeClient) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
    await client.create(NAMESPACES, body)
    assert "team" in {item["metadata"]["name"] for item in await client.list(NAMESPACES)}


async def test_the_namespace_is_that_of_the_context(client: KubeClient) -> None:
    assert client.namespace == "default"


async def test_a_list_is_read_in_pages_and_its_items_are_whole_objects(
    client: KubeClient, api_server: ApiServerInThread
) -> None:
    created = [await client.create(CONFIG_MAPS, config_map(f"m{i}", x=str(i))) for i in range(7)]
    before = len(api_server.requests)
    assert await client.list(CONFIG_MAPS, "default", label_selector="app=test", chunk=3) == created
    assert len(api_server.requests) - before == 3
    found = await client.list(CONFIG_MAPS, field_selector="metadata.name=m5")
    assert [item["metadata"]["name"] for item in found] == ["m5"]


async def test_a_list_whose_continue_token_expires_begins_again(
    client: KubeClient, api_server: ApiServerInThread
) -> None:
    for i in range(5):
        await client.create(CONFIG_MAPS, config_map(f"m{i}"))
    api_server.faults.add("GET", "continue=", code=410, count=2)
    found = await client.list(CONFIG_MAPS, "default", label_selector="app=test", chunk=2)
    assert [item["metadata"]["name"] for item in found] == [f"m{i}" for i in range(5)]
    api_server.faults.add("GET", "continue=", code=410, count=100)
    with pytest.raises(Gone):
        await client.list(CONFIG_MAPS, "default", label_selector="app=test", chunk=2)


async def test_refusals_are_typed_and_name_the_object(client: KubeClient, api_server: ApiServerInThread) -> None:
    api_server.load_crds()
    created = await client.create(CONFIG_MAPS, config_map("a"))
    with pytest.raises(AlreadyExists, match=r"Could not create ConfigMap default/a: .*already exists"):
        await client.create(CONFIG_MAPS, config_map("a"))
    await client.update(CONFIG_MAPS, {**created, "data": {"x": "1"}})
    with pytest.raises(Conflict, match="Could not write ConfigMap default/a"):
        await client.update(CONFIG_MAPS, {**created, "data": {"x": "2"}})
    with pytest.raises(NotFound):
        await client.patch(CONFIG_MAPS, "b", "default", {})
    job = {
        "apiVersion": TRAINING_JOBS.api_version,
        "kind": "TrainingJob",
        "metadata": {"name": "digits", "namespace": "default"},
        "spec": {"nodes": "many"},
    }
    with pytest.raises(Invalid) as caught:
        await client.create(TRAINING_JOBS, job)
    assert caught.value.status == 422
    assert caught.value.details["causes"]


async def test_delete_with_a_uid_spares_a_successor(client: KubeClient) -> None:
    created = await client.create(CONFIG_MAPS, config_map("a"))
    assert not await client.delete(CONFIG_MAPS, "a", "default", uid="another")
    assert await client.delete(CONFIG_MAPS, "a", "default", uid=created["metadata"]["uid"])


@pytest.mark.parametrize("code", [429, 500, 503])
async def test_what_may_pass_is_tried_again(
    client: KubeClient, api_server: ApiServerInThread, calls: Calls, code: int
) -> None:
    api_server.faults.add("POST", "/configmaps", code=code, count=4)
    await client.create(CONFIG_MAPS, config_map("a"))
    assert calls.made == [("create", code)] * 4 + [("create", 201)]
    assert calls.retried == ["create"] * 4
    assert len(calls.seconds) == len(calls.waits) == 5


async def test_after_five_tries_the_error_is_raised(
    client: KubeClient, api_server: ApiServerInThread, calls: Calls
) -> None:
    api_server.faults.add("GET", "/configmaps", code=503, count=100)
    with pytest.raises(Unavailable, match=r"Could not read ConfigMap default/a: .*503"):
        await client.get(CONFIG_MAPS, "a", "default")
    assert len(calls.made) == 5


async def test_other_refusals_are_not_tried_again(
    client: KubeClient, api_server: ApiServerInThread, calls: Calls
) -> None:
    api_server.faults.add("GET", "/configmaps", code=400, count=100)
    with pytest.raises(ApiError, match="400"):
        await client.get(CONFIG_MAPS, "a", "default")
    assert len(calls.made) == 1
    assert calls.retried == []


async def test_retry_after_is_waited_for(api_server: ApiServerInThread) -> None:
    clock = BriskClock()
    async with connected(api_server, clock=clock) as client:
        api_server.faults.add("POST", "/configmaps", code=429, retry_after=30)
        begun = clock.monotonic()
        await client.create(CONFIG_MAPS, config_map("a"))
        assert clock.monotonic() - begun >= 30


async def test_a_retry_after_of_an_hour_is_left_to_the_caller(
    client: KubeClient, api_server: ApiServerInThread
) -> None:
    api_server.faults.add("POST", "/configmaps", code=429, retry_after=3600)
    with pytest.raises(TooManyRequests) as caught:
        await client.create(CONFIG_MAPS, config_map("a"))
    assert caught.value.retry_after == 3600


async def test_a_dropped_connection_is_tried_again(
    client: KubeClient, api_server: ApiServerInThread, calls: Calls
) -> None:
    api_server.faults.add("GET", "/configmaps", action="drop", count=2)
    assert await client.get(CONFIG_MAPS, "a", "default") is None
    assert [code for _, code in calls.made][-1] == 404


async def test_a_create_whose_answer_is_lost_ends_in_already_exists(
    client: KubeClient, api_server: ApiServerInThread
) -> None:
    api_server.faults.add("POST", "/configmaps", action="drop", after=True)
    with pytest.raises(AlreadyExists):
        await client.create(CONFIG_MAPS, config_map("a", x="1"))
    existing = await client.get(CONFIG_MAPS, "a", "default")
    assert existing is not None
    assert existing["data"] == {"x": "1"}


async def test_a_restart_of_the_server_is_survived(api_server: ApiServerInThread) -> None:
    async with connected(api_server) as client:
        await client.create(CONFIG_MAPS, config_map("a"))
        await asyncio.to_thread(api_server.restart)
        assert await client.get(CONFIG_MAPS, "a", "default") is not None


async def test_a_server_that_is_gone_is_said_so(api_server: ApiServerInThread) -> None:
    async with connected(api_server) as client:
        await asyncio.to_thread(api_server.stop)
        with pytest.raises(Unavailable, match=r"the API server at https://127\..* does not answer") as caught:
            await client.get(CONFIG_MAPS, "a", "default")
        assert caught.value.status == 0


async def test_credentials_that_have_changed_are_read_again(api_server: ApiServerInThread) -> None:
    text = api_server.kubeconfig.read_text()
    api_server.kubeconfig.write_text(text.replace(api_server.token, "expired"))
    async with connected(api_server) as client:
        with pytest.raises(Unauthorized):
            await client.get(CONFIG_MAPS, "a", "default")
        api_server.kubeconfig.write_text(text)
        assert await client.get(CONFIG_MAPS, "a", "default") is None


async def test_calls_keep_to_the_rate(api_server: ApiServerInThread, calls: Calls) -> None:
    clock = BriskClock()
    async with connected(api_server, clock=clock, qps=1, burst=2, observer=calls) as client:
        begun = clock.monotonic()
        await asyncio.gather(*(client.get(CONFIG_MAPS, f"m{i}", "default") for i in range(12)))
        assert clock.monotonic() - begun >= 10
        assert max(calls.waits) >= 9, "what a call waited for its turn is told"


async def take(events: AsyncIterator[dict[str, Any]], count: int) -> list[tuple[str, str]]:
    """The next so many events of a watch, which goes on."""
    async with asyncio.timeout(SECONDS):
        found = [await anext(events) for _ in range(count)]
    return [(event["type"], event["object"]["metadata"]["name"]) for event in found]


async def test_a_watch_begins_with_what_exists_and_follows_changes(client: KubeClient) -> None:
    await client.create(CONFIG_MAPS, config_map("a"))
    async with aclosing(client.watch(CONFIG_MAPS, "default", label_selector="app=test")) as events:
        assert await take(events, 1) == [("ADDED", "a")]
        await client.patch(CONFIG_MAPS, "a", "default", {"data": {"x": "1"}})
        await client.delete(CONFIG_MAPS, "a", "default")
        assert await take(events, 2) == [("MODIFIED", "a"), ("DELETED", "a")]


async def test_a_watch_outlives_its_connections_without_repeating_itself(api_server: ApiServerInThread) -> None:
    # In less haste: a restart takes longer than all tries of a hundredth of their time.
    async with connected(api_server, clock=BriskClock(haste=4)) as client, asyncio.timeout(SECONDS):
        await client.create(CONFIG_MAPS, config_map("a"))
        async with aclosing(client.watch(CONFIG_MAPS, "default", label_selector="app=test")) as events:
            assert await take(events, 1) == [("ADDED", "a")]
            api_server.drop_watches()
            await client.create(CONFIG_MAPS, config_map("b"))
            assert await take(events, 1) == [("ADDED", "b")]
            await asyncio.to_thread(api_server.restart)
            await client.delete(CONFIG_MAPS, "a", "default")
            assert await take(events, 1) == [("DELETED", "a")]


async def test_a_watch_says_so_when_the_server_stays_away(api_server: ApiServerInThread) -> None:
    async with connected(api_server) as client, asyncio.timeout(SECONDS):
        await client.create(CONFIG_MAPS, config_map("a"))
        async with aclosing(client.watch(CONFIG_MAPS, "default", name="a")) as events:
            assert await take(events, 1) == [("ADDED", "a")]
            await asyncio.to_thread(api_server.stop)
            with pytest.raises(Unavailable, match="Could not watch ConfigMap default/a"):
                await anext(events)


async def test_a_watch_of_one_name_hears_of_no_other(client: KubeClient) -> None:
    for name in ("a", "b"):
        await client.create(CONFIG_MAPS, config_map(name))
    await client.patch(CONFIG_MAPS, "b", "default", {"data": {"x": "1"}})
    async with aclosing(client.watch(CONFIG_MAPS, "default", name="b")) as events:
        assert await take(events, 1) == [("ADDED", "b")]


async def test_a_watch_from_a_version_that_is_too_old_starts_over(
    client: KubeClient, api_server: ApiServerInThread
) -> None:
    await client.create(CONFIG_MAPS, config_map("a"))
    api_server.faults.add("GET", "watch=true.*resourceVersion=|resourceVersion=.*watch=true", code=410)
    watch = client.watch(CONFIG_MAPS, "default", label_selector="app=test", resource_version="1")
    async with aclosing(watch) as events:
        assert await take(events, 1) == [("ADDED", "a")]


async def test_a_watch_ends_after_its_time(api_server: ApiServerInThread) -> None:
    async with connected(api_server) as client, asyncio.timeout(SECONDS):
        events = [event async for event in client.watch(CONFIG_MAPS, "default", name="a", timeout_seconds=1)]
    assert events == []


async def test_the_log_of_a_pod_that_is_not_there_is_not_found(client: KubeClient) -> None:
    with pytest.raises(NotFound, match="Could not read the log of train in Pod default/nobody"):
        async for _ in client.pod_log("nobody", "default", "train"):
            pass


async def test_the_log_of_a_pod_is_streamed_from_its_node(client: KubeClient) -> None:
    asked: list[dict[str, str]] = []

    async def container_logs(request: web.Request) -> web.StreamResponse:
        asked.append(dict(request.query))
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b"epoch 1\nepo", b"ch 2\n"):
            await response.write(piece)
        return response

    kubelet = web.Application()
    kubelet.router.add_get("/containerLogs/default/digits/train", container_logs)
    async with TestServer(kubelet) as server:
        await pod_on_node(client, server.port or 0)
        stream = client.pod_log("digits", "default", "train", follow=True, tail=10, since_seconds=60)
        async with aclosing(stream) as pieces:
            assert b"".join([piece async for piece in pieces]) == b"epoch 1\nepoch 2\n"
    assert asked == [{"follow": "true", "tailLines": "10", "sinceSeconds": "60"}]


async def pod_on_node(client: KubeClient, port: int) -> None:
    """A pod, bound to a node that says where it serves logs."""
    node = await client.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "here"}})
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    await client.update(NODES, {**node, "status": status}, subresource="status")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "digits", "namespace": "default"},
        "spec": {"nodeName": "here", "containers": [{"name": "train", "image": "python"}]},
    }
    await client.create(PODS, pod)
