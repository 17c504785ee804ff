"""What the scenarios cannot hold: headers, sizes, and what watchers see of a deletion."""

from __future__ import annotations

import http.client
import json

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
    events,
    pod,
    thing,
)
from api_server import ApiServerInThread

from footplate_local.apiserver.http.requests import LARGEST_BODY

JOBS = "/apis/batch/v1/namespaces/default/jobs"


def _warnings(response: http.client.HTTPResponse) -> list[str]:
    return [value for name, value in response.getheaders() if name == "Warning"]


def test_a_body_that_is_too_large_is_413(api_server: ApiServerInThread) -> None:
    body = config_map("a", {"k": "x" * LARGEST_BODY})
    status, answer = api_server.request("POST", CONFIG_MAPS, body)
    assert (status, answer["reason"]) == (413, "RequestEntityTooLarge")
    assert answer["message"] == "Request entity too large: limit is 3145728"


def test_a_deletion_in_the_old_way_is_accepted(api_server: ApiServerInThread) -> None:
    created(api_server, CONFIG_MAPS, config_map("a", finalizers=["example.com/hold"]))
    created(api_server, CONFIG_MAPS, config_map("b"))
    assert api_server.request("DELETE", f"{CONFIG_MAPS}/a?orphanDependents=false")[0] == 202
    assert api_server.request("DELETE", f"{CONFIG_MAPS}/b?orphanDependents=false")[0] == 200


def test_the_query_does_not_count_beside_a_body(api_server: ApiServerInThread) -> None:
    created(api_server, CONFIG_MAPS, config_map("a"))
    options = {"kind": "DeleteOptions", "apiVersion": "v1"}
    assert api_server.request("DELETE", f"{CONFIG_MAPS}/a?dryRun=All", options)[0] == 200
    assert api_server.request("GET", f"{CONFIG_MAPS}/a")[0] == 404


def test_owners_named_twice_are_named_once_with_a_warning(api_server: ApiServerInThread) -> None:
    owner = {"apiVersion": "nope.example.com/v1", "kind": "Nope", "name": "n", "uid": "7"}
    with api_server.open("POST", CONFIG_MAPS, config_map("a", ownerReferences=[owner, owner])) as response:
        assert json.loads(response.read())["metadata"]["ownerReferences"] == [owner]
        (warning,) = _warnings(response)
    assert warning.startswith('299 - "metadata.ownerReferences contains duplicate entries; ')
    assert warning.endswith('duplicate UID(s) observed: 7"')


def test_finalizers_without_a_domain_are_warned_of(api_server: ApiServerInThread) -> None:
    created(api_server, DEFINITIONS, definition({"type": "object"}))
    held = thing("a", metadata={"name": "a", "finalizers": ["hold", "example.com/hold"]})
    with api_server.open("POST", THINGS, held) as response:
        response.read()
        (warning,) = _warnings(response)
    assert '"hold\\": prefer a domain-qualified finalizer name to avoid' in warning
    with api_server.open("PATCH", f"{THINGS}/a", {"metadata": {"labels": {"a": "b"}}}, MERGE) as response:
        assert _warnings(response) == []


@pytest.mark.parametrize(("query", "warned"), [("", True), ("?propagationPolicy=Orphan", False)])
def test_who_deletes_a_job_is_warned_of_the_pods_that_stay(
    api_server: ApiServerInThread, query: str, warned: bool
) -> None:
    container = {"name": "main", "image": "i:1"}
    spec = {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    created(api_server, JOBS, {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": spec})
    with api_server.open("DELETE", f"{JOBS}/j{query}") as response:
        response.read()
        assert ["child pods are preserved by default" in text for text in _warnings(response)] == [True] * warned


@pytest.mark.parametrize(("grace", "types"), [(0, ["MODIFIED", "DELETED"]), (3, ["MODIFIED"])])
def test_watchers_see_that_a_pod_is_deleted_before_it_is_gone(
    api_server: ApiServerInThread, grace: int, types: list[str]
) -> None:
    created(api_server, PODS, pod("p"))
    created(api_server, f"{PODS}/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}})
    version = api_server.request("GET", PODS)[1]["metadata"]["resourceVersion"]
    api_server.request("DELETE", f"{PODS}/p", {"gracePeriodSeconds": grace})
    with api_server.open("GET", f"{PODS}?watch=true&resourceVersion={version}&timeoutSeconds=1") as response:
        seen = list(events(response))
    assert [event["type"] for event in seen] == types
    assert [event["object"]["metadata"]["deletionGracePeriodSeconds"] for event in seen] == [grace] * len(types)


def test_a_negative_grace_is_the_shortest(api_server: ApiServerInThread) -> None:
    created(api_server, PODS, pod("p"))
    created(api_server, f"{PODS}/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}})
    answer = api_server.request("DELETE", f"{PODS}/p?gracePeriodSeconds=-5")[1]
    assert answer["metadata"]["deletionGracePeriodSeconds"] == 1


def test_a_list_waits_for_a_version_that_comes(api_server: ApiServerInThread) -> None:
    version = int(api_server.request("GET", CONFIG_MAPS)[1]["metadata"]["resourceVersion"])
    with api_server.open(
        "GET", f"{CONFIG_MAPS}?watch=true&timeoutSeconds=5&fieldSelector=metadata.name%3Da"
    ) as response:
        assert response.status == 200
        created(api_server, CONFIG_MAPS, config_map("a"))
        assert next(events(response))["type"] == "ADDED"
    path = f"{CONFIG_MAPS}?resourceVersion={version + 1}&resourceVersionMatch=NotOlderThan"
    assert [item["metadata"]["name"] for item in api_server.request("GET", path)[1]["items"]] == ["a"]
