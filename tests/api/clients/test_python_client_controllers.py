"""What controllers are built of in the official client: informers, leader election, and the asynchronous client."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api_objects import CONFIG_MAPS, MERGE, config_map, created, eventually
from api_server import ApiServerInThread
from kubernetes import aio, client, config, informer
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

SECONDS = 15.0


@pytest.fixture
def api(api_server: ApiServerInThread) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(config_file=str(api_server.kubeconfig)) as found:
        yield found


def patch(server: ApiServerInThread, name: str, value: str) -> None:
    assert server.request("PATCH", f"{CONFIG_MAPS}/{name}", {"data": {"k": value}}, MERGE)[0] == 200


def end(watching: informer.SharedInformer, server: ApiServerInThread) -> None:
    """Stop an informer. One that is just about to watch again misses the call and ends with the next event."""
    stopping = threading.Thread(target=watching.stop, daemon=True)
    stopping.start()
    name = f"end-{uuid.uuid4().hex}"

    def ended() -> bool:
        stopping.join(0.05)
        server.request("POST", CONFIG_MAPS, config_map(name, labels={"watched": "yes"}))
        server.request("DELETE", f"{CONFIG_MAPS}/{name}")
        return not stopping.is_alive()

    eventually(ended, SECONDS)


def test_an_informer_follows(api_server: ApiServerInThread, api: client.ApiClient) -> None:
    created(api_server, CONFIG_MAPS, config_map("old", labels={"watched": "yes"}))
    seen: list[tuple[str, str]] = []
    watching = informer.SharedInformer(
        client.CoreV1Api(api).list_namespaced_config_map, namespace="default", label_selector="watched"
    )
    for kind in (informer.ADDED, informer.MODIFIED, informer.DELETED):
        watching.add_event_handler(kind, lambda found, kind=kind: seen.append((kind, found.metadata.name)))
    watching.start()
    try:
        eventually(lambda: watching.cache.list_keys() == ["default/old"], SECONDS)
        created(api_server, CONFIG_MAPS, config_map("new", labels={"watched": "yes"}))
        created(api_server, CONFIG_MAPS, config_map("other"))
        patch(api_server, "old", "2")
        eventually(lambda: len(seen) == 3, SECONDS)
        api_server.drop_watches()
        unlabel = {"metadata": {"labels": {"watched": None}}}
        assert api_server.request("PATCH", f"{CONFIG_MAPS}/new", unlabel, MERGE)[0] == 200
        assert api_server.request("DELETE", f"{CONFIG_MAPS}/old")[0] == 200
        eventually(lambda: watching.cache.list_keys() == [], SECONDS)
    finally:
        end(watching, api_server)
    assert seen[:5] == [("ADDED", "old"), ("ADDED", "new"), ("MODIFIED", "old"), ("DELETED", "new"), ("DELETED", "old")]


def test_an_informer_lists_again_when_its_version_is_gone(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = ApiServerInThread(tmp_path_factory.mktemp("short") / "home", history=10)
    server.start()
    try:
        with config.new_client_from_config(config_file=str(server.kubeconfig)) as api:
            created(server, CONFIG_MAPS, config_map("a"))
            failures: list[Any] = []
            watching = informer.SharedInformer(client.CoreV1Api(api).list_namespaced_config_map, namespace="default")
            watching.add_event_handler(informer.ERROR, failures.append)
            watching._resource_version = "1"  # as a process would have it after a long pause
            watching.start()
            try:
                for number in range(12):
                    patch(server, "a", str(number))
                eventually(lambda: "default/a" in watching.cache.list_keys(), SECONDS)
                assert 410 in [getattr(failure, "status", None) for failure in failures]
            finally:
                end(watching, server)
    finally:
        server.stop()


def test_leaders_take_turns(api_server: ApiServerInThread, api: client.ApiClient) -> None:
    """With both locks at once: one of two candidates leads; when it fails the other takes over."""
    leading: dict[str, list[str]] = {"lease": [], "configmap": []}
    retire = {1: threading.Event(), 2: threading.Event()}  # the first leader and the second

    def candidate(lock_name: str, who: str) -> Callable[[], None]:
        if lock_name == "lease":
            lock: Any = LeaseLock("election", "default", who)
            lock.api_instance = client.CoordinationV1Api(api)
        else:
            lock = ConfigMapLock("election", "default", who)
            lock.api_instance = client.CoreV1Api(api)

        def lead() -> None:
            leading[lock_name].append(who)
            retire[len(leading[lock_name])].wait(SECONDS)
            raise RuntimeError("leading ends with a failure")

        terms = electionconfig.Config(
            lock, lease_duration=3, renew_deadline=2, retry_period=1, onstarted_leading=lead, onstopped_leading=None
        )
        return leaderelection.LeaderElection(terms).run

    candidates = [
        threading.Thread(target=candidate(lock_name, who), daemon=True)
        for lock_name in leading
        for who in ("ada", "bob")
    ]
    for thread in candidates:
        thread.start()
    eventually(lambda: all(len(who) == 1 for who in leading.values()), SECONDS)
    holder = client.CoordinationV1Api(api).read_namespaced_lease("election", "default").spec
    assert [holder.holder_identity] == leading["lease"]
    retire[1].set()
    eventually(lambda: all(sorted(who) == ["ada", "bob"] for who in leading.values()), SECONDS)
    taken = client.CoordinationV1Api(api).read_namespaced_lease("election", "default").spec
    assert taken.holder_identity == leading["lease"][1]
    assert taken.acquire_time > holder.acquire_time
    retire[2].set()
    for thread in candidates:
        thread.join(SECONDS)
        assert not thread.is_alive()


async def test_the_asynchronous_client(api_server: ApiServerInThread) -> None:
    settings = aio.client.Configuration()
    await aio.config.load_kube_config(str(api_server.kubeconfig), client_configuration=settings)
    async with aio.client.ApiClient(settings) as api:
        core = aio.client.CoreV1Api(api)
        body = aio.client.V1ConfigMap(metadata=aio.client.V1ObjectMeta(name="a"), data={"k": "1"})
        made = await core.create_namespaced_config_map("default", body)
        assert (await core.read_namespaced_config_map("a", "default")).metadata.uid == made.metadata.uid
        many = [core.patch_namespaced_config_map("a", "default", {"data": {str(n): "x"}}) for n in range(20)]
        await asyncio.gather(*many)
        assert len((await core.read_namespaced_config_map("a", "default")).data) == 21
        seen = []
        async with aio.watch.Watch().stream(
            core.list_namespaced_config_map, "default", field_selector="metadata.name=a"
        ) as events:
            async for event in events:
                seen.append((event["type"], event["object"].metadata.name))
                if event["type"] == "DELETED":
                    break
                await core.delete_namespaced_config_map("a", "default")
        assert seen == [("ADDED", "a"), ("DELETED", "a")]
        with pytest.raises(aio.client.ApiException) as caught:
            await core.read_namespaced_config_map("a", "default")
        assert (caught.value.status, caught.value.reason) == (404, "Not Found")
        dynamic = await aio.dynamic.DynamicClient(api)
        leases = await dynamic.resources.get(api_version="coordination.k8s.io/v1", kind="Lease")
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}}
        body["spec"] = {"holderIdentity": "me"}
        found = await leases.server_side_apply(body=body, namespace="default", field_manager="tests")
        assert found.metadata.managedFields[0].operation == "Apply"
