"""Every built-in kind: it is discovered, created, read, changed, shown as a table and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api_objects import MERGE, created, read
from api_server import ApiServerInThread

JSON = dict[str, Any]
_LABELS = {"app": "a"}
_TEMPLATE = {"metadata": {"labels": _LABELS}, "spec": {"containers": [{"name": "main", "image": "busybox:1"}]}}
_ONCE = {"spec": {**_TEMPLATE["spec"], "restartPolicy": "Never"}}
_SELECTED = {"selector": {"matchLabels": _LABELS}, "template": _TEMPLATE}
_BACKEND = {"service": {"name": "s", "port": {"number": 80}}}
_CLIENT = {"url": "https://127.0.0.1/hook"}
_HOOK = {"name": "hook.example.com", "clientConfig": _CLIENT, "sideEffects": "None", "admissionReviewVersions": ["v1"]}
_ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"}

# path below /api or /apis, kind, short names, the fields of an object that is fine
KINDS: list[tuple[str, str, tuple[str, ...], JSON]] = [
    ("v1/configmaps", "ConfigMap", ("cm",), {}),
    ("v1/endpoints", "Endpoints", ("ep",), {}),
    ("v1/limitranges", "LimitRange", ("limits",), {"spec": {"limits": []}}),
    ("v1/persistentvolumeclaims", "PersistentVolumeClaim", ("pvc",),
     {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
    ("v1/pods", "Pod", ("po",), {"spec": _TEMPLATE["spec"]}),
    ("v1/podtemplates", "PodTemplate", (), {"template": _TEMPLATE}),
    ("v1/replicationcontrollers", "ReplicationController", ("rc",),
     {"spec": {"selector": _LABELS, "template": _TEMPLATE}}),
    ("v1/resourcequotas", "ResourceQuota", ("quota",), {"spec": {"hard": {"pods": "1"}}}),
    ("v1/secrets", "Secret", (), {}),
    ("v1/serviceaccounts", "ServiceAccount", ("sa",), {}),
    ("v1/services", "Service", ("svc",), {"spec": {"ports": [{"port": 80}]}}),
    ("apps/v1/controllerrevisions", "ControllerRevision", (), {"revision": 1, "data": {}}),
    ("apps/v1/daemonsets", "DaemonSet", ("ds",), {"spec": _SELECTED}),
    ("apps/v1/deployments", "Deployment", ("deploy",), {"spec": _SELECTED}),
    ("apps/v1/replicasets", "ReplicaSet", ("rs",), {"spec": _SELECTED}),
    ("apps/v1/statefulsets", "StatefulSet", ("sts",), {"spec": {**_SELECTED, "serviceName": "s"}}),
    ("autoscaling/v2/horizontalpodautoscalers", "HorizontalPodAutoscaler", ("hpa",),
     {"spec": {"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}}}),
    ("batch/v1/cronjobs", "CronJob", ("cj",),
     {"spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": _ONCE}}}}),
    ("batch/v1/jobs", "Job", (), {"spec": {"template": _ONCE}}),
    ("coordination.k8s.io/v1/leases", "Lease", (), {}),
    ("discovery.k8s.io/v1/endpointslices", "EndpointSlice", (), {"addressType": "IPv4", "endpoints": []}),
    ("networking.k8s.io/v1/ingresses", "Ingress", ("ing",), {"spec": {"defaultBackend": _BACKEND}}),
    ("networking.k8s.io/v1/networkpolicies", "NetworkPolicy", ("netpol",), {"spec": {"podSelector": {}}}),
    ("policy/v1/poddisruptionbudgets", "PodDisruptionBudget", ("pdb",), {"spec": {"minAvailable": 1}}),
    ("rbac.authorization.k8s.io/v1/roles", "Role", (), {"rules": []}),
    ("rbac.authorization.k8s.io/v1/rolebindings", "RoleBinding", (), {"roleRef": _ROLE}),
]  # fmt: skip
CLUSTER_KINDS: list[tuple[str, str, tuple[str, ...], JSON]] = [
    ("v1/nodes", "Node", ("no",), {}),
    ("v1/persistentvolumes", "PersistentVolume", ("pv",),
     {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/d"}}}),
    ("admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", "MutatingWebhookConfiguration", (),
     {"webhooks": [_HOOK]}),
    ("admissionregistration.k8s.io/v1/validatingwebhookconfigurations", "ValidatingWebhookConfiguration", (),
     {"webhooks": [_HOOK]}),
    ("networking.k8s.io/v1/ingressclasses", "IngressClass", (), {"spec": {"controller": "example.com/c"}}),
    ("node.k8s.io/v1/runtimeclasses", "RuntimeClass", (), {"handler": "h"}),
    ("rbac.authorization.k8s.io/v1/clusterroles", "ClusterRole", (), {"rules": []}),
    ("rbac.authorization.k8s.io/v1/clusterrolebindings", "ClusterRoleBinding", (), {"roleRef": _ROLE}),
    ("scheduling.k8s.io/v1/priorityclasses", "PriorityClass", ("pc",), {"value": 7}),
    ("storage.k8s.io/v1/storageclasses", "StorageClass", ("sc",), {"provisioner": "example.com/p"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    server = ApiServerInThread(tmp_path_factory.mktemp("kinds"))
    server.start()
    yield server
    server.stop()


def _collection(path: str, *, namespaced: bool) -> tuple[str, str]:
    """The API version and the path of the collection of a kind in the namespace `default`."""
    version, _, plural = path.rpartition("/")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return version, f"{root}/namespaces/default/{plural}" if namespaced else f"{root}/{plural}"


@pytest.mark.parametrize(
    ("path", "kind", "short", "fields", "namespaced"),
    [(*case, True) for case in KINDS] + [(*case, False) for case in CLUSTER_KINDS],
    ids=[case[0] for case in KINDS + CLUSTER_KINDS],
)
def test_life(
    server: ApiServerInThread, path: str, kind: str, short: tuple[str, ...], fields: JSON, namespaced: bool
) -> None:
    version, collection = _collection(path, namespaced=namespaced)
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    plural = path.rpartition("/")[2]
    discovered = next(item for item in read(server, root)["resources"] if item["name"] == plural)
    assert discovered["kind"] == kind
    assert tuple(discovered.get("shortNames", ())) == short
    assert (discovered["namespaced"], discovered["singularName"]) == (namespaced, kind.lower())

    body = {"apiVersion": version, "kind": kind, "metadata": {"name": "life"}, **fields}
    status, dry = server.request("POST", collection + "?dryRun=All", body)
    assert status == 201, dry
    new = created(server, collection, body)
    assert read(server, f"{collection}/life") == new
    change = {"metadata": {"labels": {"changed": "yes"}}}
    status, changed = server.request("PATCH", f"{collection}/life", change, MERGE)
    assert status == 200, changed
    assert changed["metadata"].get("generation") == new["metadata"].get("generation")
    status, table = server.request("GET", f"{collection}/life", Accept="application/json;as=Table;g=meta.k8s.io;v=v1")
    assert status == 200
    assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"])
    assert server.request("DELETE", f"{collection}/life?gracePeriodSeconds=0")[0] == 200
    assert server.request("GET", f"{collection}/life")[0] == 404


def test_groups_come_in_the_order_of_a_cluster(server: ApiServerInThread) -> None:
    groups = [group["name"] for group in read(server, "/apis")["groups"]]
    known = ["apps", "events.k8s.io", "autoscaling", "batch", "networking.k8s.io", "policy",
             "rbac.authorization.k8s.io", "storage.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io",
             "scheduling.k8s.io", "coordination.k8s.io", "node.k8s.io", "discovery.k8s.io"]  # fmt: skip
    assert [group for group in groups if group in known] == known


def test_scale_of_a_deployment(server: ApiServerInThread) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments"
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "scaled"}, "spec": _SELECTED}
    created(server, path, body)
    status, scale = server.request("PATCH", f"{path}/scaled/scale", {"spec": {"replicas": 3}}, MERGE)
    assert (status, scale["spec"], scale["status"]) == (200, {"replicas": 3}, {"replicas": 0, "selector": "app=a"})
    stored = read(server, f"{path}/scaled")
    assert (stored["spec"]["replicas"], stored["metadata"]["generation"]) == (3, 2)
    status, scale = server.request("PATCH", f"{path}/scaled/scale", {"spec": {"replicas": 0}}, MERGE)
    assert (status, scale["spec"]) == (200, {})


def test_what_every_cluster_has(server: ApiServerInThread) -> None:
    service = read(server, "/api/v1/namespaces/default/services/kubernetes")
    assert service["spec"]["clusterIP"] == "10.96.0.1"
    assert service["spec"]["ports"] == [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": 6443}]
    classes = read(server, "/apis/scheduling.k8s.io/v1/priorityclasses")["items"]
    values = {item["metadata"]["name"]: item["value"] for item in classes}
    assert values == {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
