"""The official client's dynamic client: kinds by discovery, every verb, subresources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_objects import DEFINITIONS, JSON, created, definition
from api_server import ApiServerInThread
from kubernetes import config
from kubernetes.dynamic import DynamicClient, exceptions
from kubernetes.dynamic.discovery import EagerDiscoverer
from kubernetes.dynamic.resource import Resource

NAMESPACE = "default"


def scaled() -> JSON:
    """A CRD of kind Thing with status and scale."""
    replicas = {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}}
    found = definition({"type": "object", "properties": {"spec": replicas, "status": replicas}})
    found["spec"]["names"] |= {"shortNames": ["tg"], "categories": ["all"]}
    found["spec"]["versions"][0]["subresources"]["scale"] = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    found = ApiServerInThread(tmp_path_factory.mktemp("dynamic") / "home")
    found.start()
    created(found, DEFINITIONS, scaled())
    yield found
    found.stop()


@pytest.fixture
def dynamic(server: ApiServerInThread, tmp_path: Path) -> Iterator[DynamicClient]:
    with config.new_client_from_config(config_file=str(server.kubeconfig)) as api:
        yield DynamicClient(api, cache_file=str(tmp_path / "discovery.json"))


@pytest.fixture
def things(dynamic: DynamicClient) -> Resource:
    return dynamic.resources.get(api_version="test.example.com/v1", kind="Thing")


def thing(name: str, replicas: int = 1, **meta: JSON) -> JSON:
    return {
        "apiVersion": "test.example.com/v1",
        "kind": "Thing",
        "metadata": {"name": name, **meta},
        "spec": {"replicas": replicas},
    }


def test_discovery_and_its_cache(server: ApiServerInThread, dynamic: DynamicClient, tmp_path: Path) -> None:
    pods = dynamic.resources.get(api_version="v1", kind="Pod")
    assert (pods.name, pods.namespaced, pods.singular_name, pods.short_names) == ("pods", True, "pod", ["po"])
    assert {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"} == set(pods.verbs)
    assert {"log", "status"} <= pods.subresources.keys()
    assert [found.group_version for found in dynamic.resources.search(kind="Event")] == ["v1", "events.k8s.io/v1"]
    assert dynamic.resources.get(short_names=["tg"]).kind == "Thing"
    assert {found.kind for found in dynamic.resources.search(categories=["all"])} >= {"Pod", "Service", "Thing"}
    assert dynamic.version["kubernetes"]["gitVersion"].startswith("v1.34.")
    cached = json.loads((tmp_path / "discovery.json").read_text())
    assert "test.example.com" in cached["resources"]["apis"]
    before = len(server.requests)
    again = DynamicClient(dynamic.client, cache_file=str(tmp_path / "discovery.json"))
    assert again.resources.get(api_version="v1", kind="Pod").name == "pods"
    assert len(server.requests) == before, "the file is enough"
    eager = DynamicClient(dynamic.client, cache_file=str(tmp_path / "eager.json"), discoverer=EagerDiscoverer)
    assert eager.resources.get(api_version="coordination.k8s.io/v1", kind="Lease").name == "leases"
    other = definition({"type": "object"}, plural="others", group="later.example.com")
    other["spec"]["names"]["kind"] = "Other"
    created(server, DEFINITIONS, other)
    assert dynamic.resources.get(api_version="later.example.com/v1", kind="Other").name == "others"
    with pytest.raises(exceptions.ResourceNotFoundError):
        dynamic.resources.get(api_version="v1", kind="Nonsense")


def test_every_verb(things: Resource) -> None:
    made = things.create(body=thing("a", labels={"team": "x"}), namespace=NAMESPACE)
    assert (made.metadata.generation, made.spec.replicas) == (1, 1)
    things.create(body=thing("b", replicas=2), namespace=NAMESPACE)
    with pytest.raises(exceptions.ConflictError):
        things.create(body=thing("a"), namespace=NAMESPACE)
    assert things.get(name="a", namespace=NAMESPACE).metadata.uid == made.metadata.uid
    assert [found.metadata.name for found in things.get(namespace=NAMESPACE).items] == ["a", "b"]
    assert [found.metadata.name for found in things.get(label_selector="team=x").items] == ["a"]
    assert [found.metadata.name for found in things.get(field_selector="metadata.name=b").items] == ["b"]
    first = things.get(namespace=NAMESPACE, limit=1)
    rest = things.get(namespace=NAMESPACE, limit=1, _continue=first.metadata["continue"])
    assert [page.items[0].metadata.name for page in (first, rest)] == ["a", "b"]
    body = made.to_dict()
    body["spec"]["replicas"] = 5
    assert things.replace(body=body, namespace=NAMESPACE).metadata.generation == 2
    with pytest.raises(exceptions.ConflictError):
        things.replace(body=body, namespace=NAMESPACE)
    assert things.delete(name="b", namespace=NAMESPACE).status == "Success"
    things.delete(namespace=NAMESPACE, label_selector="team=x")
    with pytest.raises(exceptions.NotFoundError) as caught:
        things.get(name="a", namespace=NAMESPACE)
    assert json.loads(caught.value.body)["message"] == 'things.test.example.com "a" not found'
    with pytest.raises(exceptions.UnprocessibleEntityError):
        things.create(body=thing("Not_A_Name"), namespace=NAMESPACE)
    assert things.create(body=thing("c"), namespace=NAMESPACE, dry_run="All").metadata.uid
    assert things.get(namespace=NAMESPACE).items == []


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        ("application/merge-patch+json", {"data": {"a": None, "b": "2"}}),
        ("application/strategic-merge-patch+json", {"data": {"a": None, "b": "2"}}),
        ("application/json-patch+json", [{"op": "move", "from": "/data/a", "path": "/data/b"},
                                         {"op": "replace", "path": "/data/b", "value": "2"}]),
    ],
)  # fmt: skip
def test_patches(dynamic: DynamicClient, content_type: str, patch: JSON) -> None:
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    name = content_type.partition("/")[2].partition("+")[0]
    maps.create(body={"metadata": {"name": name}, "data": {"a": "1", "c": "3"}}, namespace=NAMESPACE)
    # The client serializes a body with to_dict, or takes it as it is: a list too.
    found = maps.patch(body=patch, name=name, namespace=NAMESPACE, content_type=content_type)
    assert found.data.to_dict() == {"b": "2", "c": "3"}


def test_custom_kinds_have_no_strategic_merge(things: Resource) -> None:
    things.create(body=thing("plain"), namespace=NAMESPACE)
    with pytest.raises(exceptions.DynamicApiError) as caught:
        things.patch(body=thing("plain", replicas=2), namespace=NAMESPACE)  # the client's default content type
    assert caught.value.status == 415


def test_server_side_apply(things: Resource) -> None:
    body = thing("applied", labels={"a": "b"})
    made = things.server_side_apply(body=body, namespace=NAMESPACE, field_manager="one")
    assert made.metadata.managedFields[0].manager == "one"
    with pytest.raises(exceptions.ConflictError) as caught:
        things.server_side_apply(body=thing("applied", replicas=3), namespace=NAMESPACE, field_manager="two")
    causes = json.loads(caught.value.body)["details"]["causes"]
    assert [(cause["reason"], cause["field"]) for cause in causes] == [("FieldManagerConflict", ".spec.replicas")]
    forced = things.server_side_apply(
        body=thing("applied", replicas=3), namespace=NAMESPACE, field_manager="two", force_conflicts=True
    )
    assert forced.spec.replicas == 3
    assert forced.metadata.labels.a == "b", "what another manager applied stays"


def test_status_and_scale(things: Resource) -> None:
    things.create(body=thing("sized"), namespace=NAMESPACE)
    merge = "application/merge-patch+json"
    status = {"status": {"replicas": 1, "selector": "app=sized"}, "spec": {"replicas": 9}}
    found = things.status.patch(body=status, name="sized", namespace=NAMESPACE, content_type=merge)
    assert (found.status.replicas, found.spec.replicas) == (1, 1)
    assert things.status.get(name="sized", namespace=NAMESPACE).status.selector == "app=sized"
    scale = things.scale.get(name="sized", namespace=NAMESPACE)
    assert (scale.kind, scale.apiVersion) == ("Scale", "autoscaling/v1")
    assert (scale.spec.replicas, scale.status.replicas, scale.status.selector) == (1, 1, "app=sized")
    change = {"spec": {"replicas": 4}}
    scale = things.scale.patch(body=change, name="sized", namespace=NAMESPACE, content_type=merge)
    assert scale.spec.replicas == 4
    body = scale.to_dict()
    body["spec"]["replicas"] = 5
    assert things.scale.replace(body=body, name="sized", namespace=NAMESPACE).spec.replicas == 5
    assert things.get(name="sized", namespace=NAMESPACE).spec.replicas == 5


def test_watch(things: Resource) -> None:
    things.create(body=thing("seen"), namespace=NAMESPACE)
    seen = []
    for event in things.watch(namespace=NAMESPACE, name="seen", timeout=10):
        seen.append((event["type"], event["object"].spec.replicas))
        if event["type"] == "ADDED":
            change = {"spec": {"replicas": 2}}
            things.patch(body=change, name="seen", namespace=NAMESPACE, content_type="application/merge-patch+json")
        elif event["type"] == "MODIFIED":
            things.delete(name="seen", namespace=NAMESPACE)
        else:
            break
    assert seen == [("ADDED", 1), ("MODIFIED", 2), ("DELETED", 2)]


def test_watch_list_in_one_stream(things: Resource) -> None:
    """sendInitialEvents: the objects that are there, then a bookmark that says so."""
    things.create(body=thing("streamed"), namespace=NAMESPACE)
    seen = []
    for event in things.watch(
        namespace=NAMESPACE, name="streamed", timeout=10, allow_watch_bookmarks=True, send_initial_events=True,
        resource_version_match="NotOlderThan",
    ):  # fmt: skip
        seen.append(event["type"])
        if event["type"] == "BOOKMARK":
            assert event["raw_object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
            break
    assert seen == ["ADDED", "BOOKMARK"]
