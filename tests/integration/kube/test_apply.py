from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from api_server import ApiServerInThread
from kube_client import connected

from footplate.errors import Invalid, NameTaken
from footplate.kube.apply import controller_of, ensure, ensure_all
from footplate.kube.client import KubeClient
from footplate.kube.resources import CONFIG_MAPS

OWNER = "0b7e4f6a-0000-4000-8000-000000000001"


def child(name: str, owner_uid: str = OWNER, **data: str) -> dict[str, Any]:
    owner = {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "TrainingJob",
        "name": "digits",
        "uid": owner_uid,
        "controller": True,
    }
    metadata = {"name": name, "namespace": "default", "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.fixture
async def client(api_server: ApiServerInThread) -> AsyncIterator[KubeClient]:
    async with connected(api_server) as client:
        yield client


async def test_doing_it_twice_does_it_once(client: KubeClient) -> None:
    created = await ensure(client, CONFIG_MAPS, child("a", x="1"), OWNER)
    again = await ensure(client, CONFIG_MAPS, child("a", x="2"), OWNER)
    assert again == created
    assert again["data"] == {"x": "1"}


async def test_a_create_whose_answer_is_lost_is_accepted(client: KubeClient, api_server: ApiServerInThread) -> None:
    api_server.faults.add("POST", "/configmaps", action="drop", after=True)
    assert (await ensure(client, CONFIG_MAPS, child("a", x="1"), OWNER))["data"] == {"x": "1"}


async def test_a_name_of_somebody_else_is_taken(client: KubeClient) -> None:
    await client.create(CONFIG_MAPS, child("a", owner_uid="another"))
    with pytest.raises(NameTaken) as caught:
        await ensure(client, CONFIG_MAPS, child("a"), OWNER)
    assert str(caught.value) == (
        "ConfigMap default/a exists already and belongs to TrainingJob digits (uid another); "
        "delete it or choose another name."
    )


async def test_an_object_without_an_owner_is_not_adopted(client: KubeClient) -> None:
    foreign = child("a")
    del foreign["metadata"]["ownerReferences"]
    await client.create(CONFIG_MAPS, foreign)
    with pytest.raises(NameTaken, match="has no owner"):
        await ensure(client, CONFIG_MAPS, child("a"), OWNER)


async def test_an_object_that_vanishes_between_the_two_calls_is_created(
    client: KubeClient, api_server: ApiServerInThread
) -> None:
    await client.create(CONFIG_MAPS, child("a", x="old"))
    api_server.faults.add("GET", "/configmaps/a", action="delay", seconds=0.5)
    ensuring = asyncio.ensure_future(ensure(client, CONFIG_MAPS, child("a", x="new"), OWNER))
    while not any(r.method == "POST" and r.status == 409 for r in api_server.requests):
        await asyncio.sleep(0.01)
    await client.delete(CONFIG_MAPS, "a", "default")
    assert (await ensuring)["data"] == {"x": "new"}


async def test_many_are_created_in_order_and_in_parallel_up_to_a_limit(
    client: KubeClient, api_server: ApiServerInThread
) -> None:
    most = 0
    under_way = 0
    create = client.create

    async def counted(*args: Any, **kwargs: Any) -> dict[str, Any]:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        try:
            return await create(*args, **kwargs)
        finally:
            under_way -= 1

    client.create = counted  # type: ignore[method-assign]
    children = [(CONFIG_MAPS, child(f"m{i}")) for i in range(30)]
    made = await ensure_all(client, children, OWNER, parallel=7)
    assert [body["metadata"]["name"] for body in made] == [f"m{i}" for i in range(30)]
    assert most == 7
    assert await ensure_all(client, [], OWNER) == []


async def test_the_first_error_ends_it(client: KubeClient, api_server: ApiServerInThread) -> None:
    api_server.faults.add("POST", "/configmaps", code=422, count=1000)
    before = len(api_server.requests)
    with pytest.raises(Invalid):
        await ensure_all(client, [(CONFIG_MAPS, child(f"m{i}")) for i in range(100)], OWNER, parallel=5)
    assert len(api_server.requests) - before <= 5


def test_the_controller_is_one_of_the_owners() -> None:
    body = child("a")
    body["metadata"]["ownerReferences"].insert(0, {"kind": "X", "name": "x", "uid": "x"})
    assert (controller_of(body) or {})["uid"] == OWNER
    assert controller_of({"metadata": {}}) is None
