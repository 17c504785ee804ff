"""What every cluster has before anybody asks: namespaces, the Service of the API server, the system's priorities."""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.kinds.policies import SYSTEM_PRIORITIES
from footplate_local.apiserver.kinds.services import addresses
from footplate_local.apiserver.objects.objects import Objects, Writing

JSON = dict[str, Any]
NAMESPACES = ("default", "kube-system", "footplate-system")
_MANAGER = "footplate-apiserver"
_PRIORITY_USES = {
    "system-cluster-critical": "Used for system critical pods that must run in the cluster, but can be moved to "
    "another node if necessary.",
    "system-node-critical": "Used for system critical pods that must not be moved from their current node.",
}
_API_SERVER: JSON = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "kubernetes",
        "namespace": "default",
        "labels": {"component": "apiserver", "provider": "kubernetes"},
    },
    "spec": {
        "clusterIP": addresses.API_SERVER,
        "ports": [{"name": "https", "port": 443, "targetPort": 6443}],
    },
}


def _first_objects() -> list[JSON]:
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in NAMESPACES]
    priorities = [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "description": _PRIORITY_USES[name],
        }
        for name, value in SYSTEM_PRIORITIES.items()
    ]
    return [*namespaces, _API_SERVER, *priorities]


def create(objects: Objects) -> None:
    """Create those that are missing."""
    for body in _first_objects():
        kind = objects.registry.of_kind(body["apiVersion"], body["kind"])
        assert kind is not None, "first objects are of built-in kinds"
        namespace = body["metadata"].get("namespace", "")
        if objects.storage.get(kind.key(namespace, body["metadata"]["name"])) is None:
            objects.create(kind, namespace, body, Writing(manager=_MANAGER))


def add_service_account(objects: Objects, namespace: str) -> None:
    """Every namespace has the account `default` (the controller manager's doing on a cluster)."""
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    kind = objects.registry.of_kind("v1", "ServiceAccount")
    assert kind is not None, "service accounts are built in"
    objects.create(kind, namespace, body, Writing(manager=_MANAGER))
