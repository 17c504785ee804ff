"""Small objects and calls for tests of the API server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from typing import Any

from api_server import ApiServerInThread

JSON = dict[str, Any]
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def config_map(name: str, data: dict[str, str] | None = None, **metadata: Any) -> JSON:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": data or {"k": name},
    }


def pod(name: str, **spec: Any) -> JSON:
    containers = [{"name": "main", "image": "busybox:1", "command": ["true"]}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def owned_by(owner: JSON, **more: Any) -> list[JSON]:
    """ownerReferences to an object."""
    meta = owner["metadata"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}
    return [{**reference, **more}]


def definition(schema: JSON, plural: str = "things", group: str = "test.example.com") -> JSON:
    """A CRD of kind Thing with a status subresource."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": "Thing"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


THINGS = "/apis/test.example.com/v1/namespaces/default/things"


def thing(name: str, **fields: Any) -> JSON:
    return {"apiVersion": "test.example.com/v1", "kind": "Thing", "metadata": {"name": name}, **fields}


def created(server: ApiServerInThread, path: str, body: JSON) -> JSON:
    status, answer = server.request("POST", path, body)
    assert status == 201, answer
    return dict(answer)


def read(server: ApiServerInThread, path: str) -> JSON:
    status, answer = server.request("GET", path)
    assert status == 200, answer
    return dict(answer)


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait, briefly, for what a controller of the server does after a write."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def gone(server: ApiServerInThread, path: str) -> None:
    eventually(lambda: server.request("GET", path)[0] == 404)


def events(response: HTTPResponse) -> Iterator[JSON]:
    """The events of a watch as they come."""
    for line in response:
        yield json.loads(line)
