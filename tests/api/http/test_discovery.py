"""Discovery in its three forms says the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from api_server import ApiServerInThread

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2BETA1 = V2.replace("v=v2", "v=v2beta1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    server = ApiServerInThread(tmp_path_factory.mktemp("cluster"))
    server.start()
    server.load_crds()
    yield server
    server.stop()


def get(server: ApiServerInThread, path: str, **headers: str) -> tuple[int, str, dict[str, str], Any]:
    with server.open("GET", path, **headers) as response:
        raw = response.read()
        return response.status, response.headers.get("Content-Type", ""), dict(response.getheaders()), raw


@pytest.mark.parametrize(
    ("accept", "kind", "version"),
    [
        (V2, "APIGroupDiscoveryList", "apidiscovery.k8s.io/v2"),
        (V2BETA1, "APIGroupDiscoveryList", "apidiscovery.k8s.io/v2beta1"),
        (f"{V2},{V2BETA1},application/json", "APIGroupDiscoveryList", "apidiscovery.k8s.io/v2"),
        (f"{V2BETA1},{V2}", "APIGroupDiscoveryList", "apidiscovery.k8s.io/v2beta1"),
        (f"application/json;q=0.5,{V2}", "APIGroupDiscoveryList", "apidiscovery.k8s.io/v2"),
        ("application/json", "APIGroupList", "v1"),
        ("", "APIGroupList", "v1"),
        (V2.replace("v=v2", "v=v9") + ",application/json", "APIGroupList", "v1"),
    ],
)
def test_the_form_that_is_asked_for(server: ApiServerInThread, accept: str, kind: str, version: str) -> None:
    status, media, _, raw = get(server, "/apis", Accept=accept)
    found = json.loads(raw)
    assert (status, found["kind"], found["apiVersion"]) == (200, kind, version)
    if kind == "APIGroupDiscoveryList":
        assert media == f"application/json;g=apidiscovery.k8s.io;v={version.rpartition('/')[2]};as={kind}"


def test_a_client_that_has_the_document_gets_304(server: ApiServerInThread) -> None:
    headers = get(server, "/apis", Accept=V2)[2]
    again = get(server, "/apis", Accept=V2, **{"If-None-Match": headers["Etag"]})
    assert (again[0], again[3]) == (304, b"")


@pytest.mark.parametrize("root", ["api", "apis"])
def test_the_aggregated_document_is_the_sum_of_the_others(server: ApiServerInThread, root: str) -> None:
    for group in json.loads(get(server, f"/{root}", Accept=V2)[3])["items"]:
        for version in group["versions"]:
            name = group["metadata"].get("name")
            path = f"/{root}/{name}/{version['version']}" if name else f"/{root}/{version['version']}"
            plain = json.loads(get(server, path)[3])["resources"]
            listed = {entry["name"]: entry["verbs"] for entry in plain}
            aggregated = {entry["resource"]: entry["verbs"] for entry in version["resources"]} | {
                f"{entry['resource']}/{inner['subresource']}": inner["verbs"]
                for entry in version["resources"]
                for inner in entry.get("subresources", ())
            }
            assert aggregated == listed


def test_subresources_of_pods(server: ApiServerInThread) -> None:
    resources = {entry["name"]: entry for entry in json.loads(get(server, "/api/v1")[3])["resources"]}
    assert resources["pods/log"]["verbs"] == ["get"]
    assert (resources["pods/exec"]["kind"], resources["pods/exec"]["verbs"]) == ("PodExecOptions", ["create", "get"])


def test_reviews_have_verbs_but_no_storage(server: ApiServerInThread) -> None:
    found = json.loads(get(server, "/apis/authorization.k8s.io/v1")[3])["resources"]
    assert {(entry["kind"], entry["namespaced"], *entry["verbs"]) for entry in found} == {
        ("LocalSubjectAccessReview", True, "create"),
        ("SelfSubjectAccessReview", False, "create"),
        ("SelfSubjectRulesReview", False, "create"),
        ("SubjectAccessReview", False, "create"),
    }
    assert not any("storageVersionHash" in entry for entry in found)


def test_only_reading_is_allowed(server: ApiServerInThread) -> None:
    assert server.request("POST", "/apis", {})[0] == 405
    assert server.request("GET", "/apis/none.example.com")[0] == 404
    assert server.request("GET", "/apis/apiextensions.k8s.io/v9")[0] == 404
