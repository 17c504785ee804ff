from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from api_server import ApiServerInThread
from kube_client import BriskClock, connected

from footplate.engine.keys import Key
from footplate.engine.store import Store
from footplate.errors import Retry
from footplate.kube.client import KubeClient
from footplate.kube.corrections import delete_pod, read_again
from footplate.kube.resources import PODS

KEY = Key("Pod", "default", "a")
MANIFEST = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a", "namespace": "default"},
    "spec": {"containers": [{"name": "main", "image": "anything"}]},
}


@dataclass(frozen=True)
class Seen:
    key: Key
    uid: str
    resource_version: str
    owner_uid: str | None = None


def seen(body: Any) -> Seen:
    return Seen(KEY, body["metadata"]["uid"], body["metadata"]["resourceVersion"])


@pytest.fixture
async def client(api_server: ApiServerInThread) -> AsyncIterator[KubeClient]:
    async with connected(api_server) as client:
        yield client


@pytest.fixture
def store() -> Store[Seen]:
    return Store(BriskClock())


async def test_what_has_changed_is_known_as_it_is_now(client: KubeClient, store: Store[Seen]) -> None:
    store.put(seen(await client.create(PODS, MANIFEST)))
    now = await client.patch(PODS, "a", "default", {"metadata": {"labels": {"new": "yes"}}})
    assert isinstance(await read_again(client, PODS, store, seen, KEY), Retry)
    assert store.get(KEY) == seen(now)


async def test_a_ghost_is_forgotten(client: KubeClient, store: Store[Seen]) -> None:
    ghost = Seen(KEY, "no-such-uid", "1")
    store.put(ghost)
    await delete_pod(client, store, KEY, ghost.uid)
    assert store.get(KEY) is None


async def test_the_successor_of_a_ghost_is_neither_deleted_nor_forgotten(
    client: KubeClient, store: Store[Seen]
) -> None:
    successor = seen(await client.create(PODS, MANIFEST))
    store.put(successor)
    await delete_pod(client, store, KEY, "the-uid-of-an-earlier-pod")
    assert store.get(KEY) == successor
    assert await client.get(PODS, "a", "default") is not None


async def test_a_pod_that_is_there_stays_known_until_its_deletion_is_told(
    client: KubeClient, store: Store[Seen]
) -> None:
    pod = seen(await client.create(PODS, MANIFEST))
    store.put(pod)
    await delete_pod(client, store, KEY, pod.uid)
    assert store.get(KEY) == pod
