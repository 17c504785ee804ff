"""OpenAPI documents: complete, consistent, and cacheable as clients expect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api_objects import DEFINITIONS, MERGE, created, definition
from api_server import ApiServerInThread

from footplate_local.apiserver.http.openapi_protobuf import MEDIA_TYPES

JSON = dict[str, Any]
SCHEMA = {
    "type": "object",
    "description": "A thing.",
    "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 1}}}},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    server = ApiServerInThread(tmp_path_factory.mktemp("cluster"))
    server.start()
    created(server, DEFINITIONS, definition(SCHEMA))
    yield server
    server.stop()


def document(server: ApiServerInThread, path: str, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers (in lower case) and body."""
    with server.open("GET", path, **headers) as response:
        raw = response.read()
        return response.status, {key.lower(): value for key, value in response.getheaders()}, raw


def paths(server: ApiServerInThread) -> dict[str, str]:
    status, index = server.request("GET", "/openapi/v3")
    assert status == 200
    return {path: entry["serverRelativeURL"] for path, entry in index["paths"].items()}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_group_and_version_has_a_document(server: ApiServerInThread) -> None:
    found = paths(server)
    assert {
        "api/v1",
        "apis/apiextensions.k8s.io/v1",
        "apis/authorization.k8s.io/v1",
        "apis/test.example.com/v1",
    } <= set(found)
    for path, url in found.items():
        assert url.startswith(f"/openapi/v3/{path}?hash=")
        status, content = server.request("GET", url)
        assert status == 200
        schemas = content["components"]["schemas"]
        for reference in references(content):
            assert reference.removeprefix("#/components/schemas/") in schemas, f"{path}: {reference}"
        for template, operations in content["paths"].items():
            declared = {parameter["name"] for parameter in operations["parameters"]}
            assert declared == {part[1:-1] for part in template.split("/") if part.startswith("{")}


def test_the_document_of_a_built_in_kind(server: ApiServerInThread) -> None:
    content = server.request("GET", "/openapi/v3/api/v1")[1]
    schemas = content["components"]["schemas"]
    pod_spec = schemas["io.k8s.api.core.v1.PodSpec"]
    containers = pod_spec["properties"]["containers"]
    assert (containers["type"], containers["x-kubernetes-patch-merge-key"]) == ("array", "name")
    assert containers["items"] == {"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"}
    assert pod_spec["required"] == ["containers"]
    quantity = schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"]
    assert quantity["oneOf"] == [{"type": "string"}, {"type": "number"}]
    pod = content["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]
    media = pod["patch"]["requestBody"]["content"].keys()
    assert "application/strategic-merge-patch+json" in media
    assert {"name": "fieldValidation"}.items() <= pod["patch"]["parameters"][2].items()
    assert pod["patch"]["x-kubernetes-group-version-kind"] == {"group": "", "kind": "Pod", "version": "v1"}


def test_the_document_of_a_custom_kind(server: ApiServerInThread) -> None:
    content = server.request("GET", "/openapi/v3/apis/test.example.com/v1")[1]
    thing = content["components"]["schemas"]["com.example.test.v1.Thing"]
    assert thing["properties"]["spec"] == SCHEMA["properties"]["spec"]  # type: ignore[index]
    assert thing["properties"]["metadata"]["allOf"] == [
        {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
    ]
    assert thing["x-kubernetes-group-version-kind"] == [{"group": "test.example.com", "kind": "Thing", "version": "v1"}]
    assert "com.example.test.v1.ThingList" in content["components"]["schemas"]
    one = "/apis/test.example.com/v1/namespaces/{namespace}/things/{name}"
    assert {one, f"{one}/status"} <= content["paths"].keys()
    # kubectl apply would send a strategic merge patch if it stood here
    assert "application/strategic-merge-patch+json" not in content["paths"][one]["patch"]["requestBody"]["content"]


def test_a_document_is_kept_under_its_hash(server: ApiServerInThread) -> None:
    url = paths(server)["apis/test.example.com/v1"]
    status, headers, body = document(server, url)
    assert (status, headers["cache-control"], headers["vary"]) == (200, "public, immutable", "Accept")
    assert headers["etag"].strip('"') == url.rpartition("=")[2]
    assert document(server, url, **{"If-None-Match": headers["etag"]})[::2] == (304, b"")
    plain = document(server, url.partition("?")[0])
    assert plain[2] == body
    assert "cache-control" not in plain[1]
    stale = document(server, url.partition("?")[0] + "?hash=OLD")
    assert (stale[0], stale[1]["location"]) == (301, url)
    assert paths(server)["apis/test.example.com/v1"] == url  # the same text at every call


def test_a_definition_that_changes_has_another_document(server: ApiServerInThread) -> None:
    before = paths(server)
    changed = definition(SCHEMA | {"description": "Something else."})["spec"]["versions"]
    path = f"{DEFINITIONS}/things.test.example.com"
    assert server.request("PATCH", path, {"spec": {"versions": changed}}, MERGE)[0] == 200
    after = paths(server)
    assert {path for path in after if after[path] != before[path]} == {"apis/test.example.com/v1"}
    content = server.request("GET", after["apis/test.example.com/v1"])[1]
    assert content["components"]["schemas"]["com.example.test.v1.Thing"]["description"] == "Something else."


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", *MEDIA_TYPES])
def test_version_2_in_either_form(server: ApiServerInThread, accept: str) -> None:
    status, headers, body = document(server, "/openapi/v2", Accept=accept)
    assert status == 200
    if accept in MEDIA_TYPES:
        assert headers["content-type"] == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
        assert body.startswith(b"\x0a\x032.0")
    else:
        assert headers["content-type"].startswith("application/json")
        assert b'"swagger":"2.0"' in body


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/openapi/v3/apis/none.example.com/v1", "*/*", 404),
        ("/openapi/v4", "*/*", 404),
        ("/openapi/v3/api/v1", "text/html", 406),
        ("/openapi/v2", "text/html", 406),
    ],
)
def test_what_is_not_served(server: ApiServerInThread, path: str, accept: str, status: int) -> None:
    assert document(server, path, Accept=accept)[0] == status
