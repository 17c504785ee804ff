"""Requests that no client should send: each is refused with a Status, and the server goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api_objects import APPLY, CONFIG_MAPS, DEFINITIONS, MERGE, THINGS, config_map, created, definition, thing
from api_server import ApiServerInThread


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    server = ApiServerInThread(tmp_path_factory.mktemp("malformed"))
    server.start()
    things = definition({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    things["spec"]["versions"][0]["subresources"]["scale"] = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
    }
    created(server, DEFINITIONS, things)
    created(server, THINGS, thing("a"))
    created(server, CONFIG_MAPS, config_map("a"))
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("method", "path", "body", "media", "code"),
    [
        ("POST", "/api/v1/namespaces", {}, None, 422),
        ("POST", THINGS, {**thing("b"), "metadata": []}, None, 400),
        ("PATCH", f"{THINGS}/a", {"metadata": [{}]}, MERGE, 422),
        ("PATCH", f"{THINGS}/a?fieldManager=m", {**thing("a"), "metadata": "a"}, APPLY, 400),
        ("PUT", f"{THINGS}/a/scale", {"metadata": [1], "spec": {"replicas": 1}}, None, 400),
        ("PUT", f"{THINGS}/a/scale", {"metadata": {}, "spec": "x"}, None, 400),
        ("PUT", f"{THINGS}/a/scale", [], None, 400),
        ("GET", f"{CONFIG_MAPS}/{'a' * 20_000}", None, None, 404),
        ("GET", f"{CONFIG_MAPS}?limit={'9' * 5000}", None, None, 400),
        ("DELETE", f"{CONFIG_MAPS}/a", {"preconditions": [{"uid": {}}]}, None, 400),
        ("DELETE", f"{CONFIG_MAPS}/a", {"gracePeriodSeconds": "1"}, None, 400),
    ],
)
def test_it_is_refused(
    server: ApiServerInThread, method: str, path: str, body: Any, media: str | None, code: int
) -> None:
    status, answer = server.request(method, path, body, media)
    assert (status, answer["kind"], answer["code"]) == (code, "Status", code), answer
