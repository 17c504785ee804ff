"""What follows a deletion: dependents, finalizers, namespaces and kinds that are emptied."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from api_objects import (
    CONFIG_MAPS,
    DEFINITIONS,
    MERGE,
    PODS,
    THINGS,
    config_map,
    created,
    definition,
    eventually,
    gone,
    owned_by,
    pod,
    read,
    thing,
)
from api_server import ApiServerInThread

from footplate_local.apiserver.controllers import containers

FOREGROUND = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}


def _delete(server: ApiServerInThread, path: str, options: object = None) -> dict[str, Any]:
    status, answer = server.request("DELETE", path, options)
    assert status == 200, answer
    return dict(answer)


def test_dependents_go_with_the_last_of_their_owners(api_server: ApiServerInThread) -> None:
    first = created(api_server, CONFIG_MAPS, config_map("first"))
    second = created(api_server, CONFIG_MAPS, config_map("second"))
    both = [*owned_by(first), *owned_by(second)]
    created(api_server, CONFIG_MAPS, config_map("child", ownerReferences=both))
    _delete(api_server, f"{CONFIG_MAPS}/first")
    eventually(lambda: read(api_server, f"{CONFIG_MAPS}/child")["metadata"]["ownerReferences"] == owned_by(second))
    _delete(api_server, f"{CONFIG_MAPS}/second")
    gone(api_server, f"{CONFIG_MAPS}/child")


def test_an_object_made_for_an_owner_that_is_gone_is_collected(api_server: ApiServerInThread) -> None:
    owner = created(api_server, CONFIG_MAPS, config_map("owner"))
    _delete(api_server, f"{CONFIG_MAPS}/owner")
    created(api_server, CONFIG_MAPS, config_map("late", ownerReferences=owned_by(owner)))
    gone(api_server, f"{CONFIG_MAPS}/late")


def test_an_owner_of_an_unknown_kind_counts_as_alive(api_server: ApiServerInThread) -> None:
    stranger = {"apiVersion": "x.example.com/v1", "kind": "Y", "metadata": {"name": "y", "uid": "1"}}
    created(api_server, CONFIG_MAPS, config_map("kept", ownerReferences=owned_by(stranger)))
    owner = created(api_server, CONFIG_MAPS, config_map("owner"))
    created(api_server, CONFIG_MAPS, config_map("collected", ownerReferences=owned_by(owner)))
    _delete(api_server, f"{CONFIG_MAPS}/owner")
    gone(api_server, f"{CONFIG_MAPS}/collected")
    assert read(api_server, f"{CONFIG_MAPS}/kept")["metadata"]["name"] == "kept"


def test_a_foreground_deletion_waits_for_dependents_that_block_it(api_server: ApiServerInThread) -> None:
    owner = created(api_server, CONFIG_MAPS, config_map("owner"))
    references = owned_by(owner, blockOwnerDeletion=True)
    held = config_map("child", ownerReferences=references, finalizers=["example.com/hold"])
    created(api_server, CONFIG_MAPS, held)
    answer = _delete(api_server, f"{CONFIG_MAPS}/owner", FOREGROUND)
    assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
    eventually(lambda: "deletionTimestamp" in read(api_server, f"{CONFIG_MAPS}/child")["metadata"])
    assert "deletionTimestamp" in read(api_server, f"{CONFIG_MAPS}/owner")["metadata"]
    api_server.request("PATCH", f"{CONFIG_MAPS}/child", {"metadata": {"finalizers": None}}, MERGE)
    gone(api_server, f"{CONFIG_MAPS}/child")
    gone(api_server, f"{CONFIG_MAPS}/owner")


def test_a_finalizer_holds_an_object_until_it_is_removed(api_server: ApiServerInThread) -> None:
    created(api_server, CONFIG_MAPS, config_map("a", finalizers=["example.com/hold"]))
    answer = _delete(api_server, f"{CONFIG_MAPS}/a")
    assert "deletionTimestamp" in answer["metadata"]
    added = {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    status, refused = api_server.request("PATCH", f"{CONFIG_MAPS}/a", added, MERGE)
    assert (status, refused["details"]["causes"][0]["field"]) == (422, "metadata.finalizers")
    api_server.request("PATCH", f"{CONFIG_MAPS}/a", {"metadata": {"finalizers": []}}, MERGE)
    assert api_server.request("GET", f"{CONFIG_MAPS}/a")[0] == 404


def test_what_was_begun_is_finished_after_a_restart(api_server: ApiServerInThread) -> None:
    owner = created(api_server, CONFIG_MAPS, config_map("owner", finalizers=["example.com/hold"]))
    created(api_server, CONFIG_MAPS, config_map("child", ownerReferences=owned_by(owner)))
    # As if the server had been killed between the owner's end and its child's: the store alone knows.
    api_server.stop()
    with sqlite3.connect(api_server.home / "cluster.db") as database:
        database.execute("DELETE FROM objects WHERE name='owner'")
    database.close()
    api_server.start()
    gone(api_server, f"{CONFIG_MAPS}/child")


def test_a_namespace_is_emptied_and_takes_nothing_new(api_server: ApiServerInThread) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
    inside = "/api/v1/namespaces/team/configmaps"
    created(api_server, "/api/v1/namespaces", namespace)
    created(api_server, inside, config_map("held", finalizers=["example.com/hold"]))
    created(api_server, inside, config_map("free"))
    assert _delete(api_server, "/api/v1/namespaces/team")["status"]["phase"] == "Terminating"
    gone(api_server, f"{inside}/free")
    status, refused = api_server.request("POST", inside, config_map("late"))
    assert (status, refused["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    api_server.request("PATCH", f"{inside}/held", {"metadata": {"finalizers": None}}, MERGE)
    gone(api_server, "/api/v1/namespaces/team")


def test_a_namespace_is_emptied_in_steps_and_pods_go_first(
    api_server: ApiServerInThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "MOST_AT_ONCE", 2)
    inside = "/api/v1/namespaces/team"
    created(api_server, "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    for number in range(5):
        created(api_server, f"{inside}/configmaps", config_map(f"c-{number}"))
    created(api_server, f"{inside}/pods", pod("p"))
    created(
        api_server, f"{inside}/pods/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}
    )
    _delete(api_server, inside)
    eventually(lambda: "conditions" in read(api_server, inside)["status"])
    told = {item["type"]: item["message"] for item in read(api_server, inside)["status"]["conditions"]}
    assert told["NamespaceContentRemaining"] == "Some resources are remaining: pods. has 1 resource instances"
    assert len(read(api_server, f"{inside}/configmaps")["items"]) == 5
    _delete(api_server, f"{inside}/pods/p", {"gracePeriodSeconds": 0})
    gone(api_server, inside)
    assert read(api_server, f"{inside}/configmaps")["items"] == []


def test_owners_that_wait_for_each_other_go(api_server: ApiServerInThread) -> None:
    first = created(api_server, CONFIG_MAPS, config_map("first"))
    second = created(
        api_server, CONFIG_MAPS, config_map("second", ownerReferences=owned_by(first, blockOwnerDeletion=True))
    )
    references = {"metadata": {"ownerReferences": owned_by(second, blockOwnerDeletion=True)}}
    api_server.request("PATCH", f"{CONFIG_MAPS}/first", references, MERGE)
    _delete(api_server, f"{CONFIG_MAPS}/first", FOREGROUND)
    gone(api_server, f"{CONFIG_MAPS}/first")
    gone(api_server, f"{CONFIG_MAPS}/second")


def test_a_cluster_wide_object_cannot_be_owned_by_one_of_a_namespace(api_server: ApiServerInThread) -> None:
    owner = created(api_server, CONFIG_MAPS, config_map("owner"))
    nodes = "/api/v1/nodes"
    created(
        api_server,
        nodes,
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "ownerReferences": owned_by(owner)}},
    )
    created(api_server, CONFIG_MAPS, config_map("child", ownerReferences=owned_by(owner)))
    _delete(api_server, f"{CONFIG_MAPS}/owner")
    gone(api_server, f"{CONFIG_MAPS}/child")
    assert read(api_server, f"{nodes}/n")["metadata"]["ownerReferences"] == owned_by(owner)


def test_a_kind_goes_with_its_objects(api_server: ApiServerInThread) -> None:
    path = f"{DEFINITIONS}/things.test.example.com"
    created(api_server, DEFINITIONS, definition({"type": "object"}))
    created(api_server, THINGS, thing("a", metadata={"name": "a", "finalizers": ["example.com/hold"]}))
    _delete(api_server, path)
    eventually(lambda: "deletionTimestamp" in read(api_server, f"{THINGS}/a")["metadata"])
    assert "deletionTimestamp" in read(api_server, path)["metadata"]
    api_server.request("PATCH", f"{THINGS}/a", {"metadata": {"finalizers": None}}, MERGE)
    gone(api_server, path)
    assert api_server.request("GET", THINGS)[0] == 404


def test_a_collection_is_deleted_by_selector(api_server: ApiServerInThread) -> None:
    created(api_server, CONFIG_MAPS, config_map("a", labels={"x": "1"}))
    created(api_server, CONFIG_MAPS, config_map("b"))
    _delete(api_server, f"{CONFIG_MAPS}?labelSelector=x%3D1")
    assert [item["metadata"]["name"] for item in read(api_server, CONFIG_MAPS)["items"]] == ["b"]


@pytest.mark.parametrize("what", ["uid", "resourceVersion"])
def test_a_precondition_that_does_not_hold_is_409(api_server: ApiServerInThread, what: str) -> None:
    created(api_server, CONFIG_MAPS, config_map("a"))
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {what: "1"}}
    assert api_server.request("DELETE", f"{CONFIG_MAPS}/a", options)[0] == 409
    assert api_server.request("GET", f"{CONFIG_MAPS}/a")[0] == 200


def _bind(server: ApiServerInThread, name: str) -> None:
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name},
        "target": {"kind": "Node", "name": "n"},
    }
    created(server, f"{PODS}/{name}/binding", binding)


def test_a_pod_that_no_node_has_goes_at_once(api_server: ApiServerInThread) -> None:
    created(api_server, PODS, pod("p"))
    _delete(api_server, f"{PODS}/p")
    assert api_server.request("GET", f"{PODS}/p")[0] == 404


def test_a_pod_of_a_node_goes_when_the_node_says_so(api_server: ApiServerInThread) -> None:
    created(api_server, PODS, pod("p", terminationGracePeriodSeconds=40))
    _bind(api_server, "p")
    answer = _delete(api_server, f"{PODS}/p")
    assert answer["metadata"]["deletionGracePeriodSeconds"] == 40
    shorter = _delete(api_server, f"{PODS}/p", {"gracePeriodSeconds": 5})
    assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
    longer = _delete(api_server, f"{PODS}/p", {"gracePeriodSeconds": 60})
    assert longer["metadata"]["deletionGracePeriodSeconds"] == 5
    assert longer["metadata"]["resourceVersion"] == shorter["metadata"]["resourceVersion"]
    _delete(api_server, f"{PODS}/p", {"gracePeriodSeconds": 0})
    assert api_server.request("GET", f"{PODS}/p")[0] == 404


def test_a_pod_that_has_ended_goes_at_once(api_server: ApiServerInThread) -> None:
    created(api_server, PODS, pod("p"))
    _bind(api_server, "p")
    api_server.request("PATCH", f"{PODS}/p/status", {"status": {"phase": "Succeeded"}}, MERGE)
    _delete(api_server, f"{PODS}/p")
    assert api_server.request("GET", f"{PODS}/p")[0] == 404


def test_a_pod_with_an_owner_keeps_its_grace_when_collected(api_server: ApiServerInThread) -> None:
    owner = created(api_server, CONFIG_MAPS, config_map("owner"))
    body = pod("p")
    body["metadata"]["ownerReferences"] = owned_by(owner)
    created(api_server, PODS, body)
    _bind(api_server, "p")
    _delete(api_server, f"{CONFIG_MAPS}/owner")
    eventually(lambda: "deletionTimestamp" in read(api_server, f"{PODS}/p")["metadata"])
    assert read(api_server, f"{PODS}/p")["metadata"]["deletionGracePeriodSeconds"] == 30


def test_a_bound_pod_is_not_bound_again(api_server: ApiServerInThread) -> None:
    created(api_server, PODS, pod("p"))
    _bind(api_server, "p")
    status, answer = api_server.request(
        "POST", f"{PODS}/p/binding", {"metadata": {"name": "p"}, "target": {"name": "other"}}
    )
    assert (status, answer["reason"]) == (409, "Conflict")


def test_nothing_is_added_to_a_kind_that_is_being_deleted(api_server: ApiServerInThread) -> None:
    created(api_server, DEFINITIONS, definition({"type": "object"}))
    held = thing("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    created(api_server, THINGS, held)
    _delete(api_server, f"{DEFINITIONS}/things.test.example.com")
    status, answer = api_server.request("POST", THINGS, thing("late"))
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert answer["message"].endswith("create not allowed while custom resource definition is terminating")
    api_server.request("PATCH", f"{THINGS}/held", {"metadata": {"finalizers": None}}, MERGE)
    gone(api_server, f"{DEFINITIONS}/things.test.example.com")
