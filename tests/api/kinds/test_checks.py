"""What is wrong with objects of the other built-in kinds, and what may not change."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from api_objects import MERGE, created
from api_server import ApiServerInThread

JSON = dict[str, Any]
INVALID, REQUIRED, DUPLICATE = "FieldValueInvalid", "FieldValueRequired", "FieldValueDuplicate"
UNSUPPORTED, FORBIDDEN, TOO_LONG = "FieldValueNotSupported", "FieldValueForbidden", "FieldValueTooLong"
_LABELS = {"app": "a"}
_POD = {"containers": [{"name": "main", "image": "busybox:1"}]}
_TEMPLATE = {"metadata": {"labels": _LABELS}, "spec": _POD}
_ONCE = {"spec": {**_POD, "restartPolicy": "Never"}}
_SELECTED = {"selector": {"matchLabels": _LABELS}, "template": _TEMPLATE}
_BIG = base64.b64encode(b"x" * (1024 * 1024 + 1)).decode()
_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
_ABOUT = {"kind": "Pod", "name": "p", "namespace": "default"}
_NEW_EVENT = {
    "regarding": _ABOUT, "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "example.com/c",
    "reportingInstance": "i", "action": "Acted", "reason": "Because", "type": "Normal",
}  # fmt: skip
_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}

PATHS = {
    "ConfigMap": "/api/v1/namespaces/default/configmaps",
    "Secret": "/api/v1/namespaces/default/secrets",
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
    "LimitRange": "/api/v1/namespaces/default/limitranges",
    "ResourceQuota": "/api/v1/namespaces/default/resourcequotas",
    "PersistentVolumeClaim": "/api/v1/namespaces/default/persistentvolumeclaims",
    "ReplicationController": "/api/v1/namespaces/default/replicationcontrollers",
    "CoreEvent": "/api/v1/namespaces/default/events",
    "Event": "/apis/events.k8s.io/v1/namespaces/default/events",
    "Lease": "/apis/coordination.k8s.io/v1/namespaces/default/leases",
    "Deployment": "/apis/apps/v1/namespaces/default/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/default/statefulsets",
    "DaemonSet": "/apis/apps/v1/namespaces/default/daemonsets",
    "Job": "/apis/batch/v1/namespaces/default/jobs",
    "CronJob": "/apis/batch/v1/namespaces/default/cronjobs",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
    "PriorityClass": "/apis/scheduling.k8s.io/v1/priorityclasses",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    server = ApiServerInThread(tmp_path_factory.mktemp("checks"))
    server.start()
    yield server
    server.stop()


def _object(kind: str, name: str, fields: JSON) -> JSON:
    return {"kind": kind.removeprefix("Core"), "metadata": {"name": name}, **fields}


def _causes(answer: JSON) -> list[tuple[str, str]]:
    return sorted((cause["reason"], cause["field"]) for cause in answer["details"].get("causes", ()))


WRONG: list[tuple[str, JSON, list[tuple[str, str]]]] = [
    ("ConfigMap", {"data": {"a b": ""}}, [(INVALID, "data[a b]")]),
    ("ConfigMap", {"data": {"..": ""}}, [(INVALID, "data[..]")]),
    ("ConfigMap", {"data": {"a": ""}, "binaryData": {"a": ""}}, [(INVALID, "data[a]")]),
    ("ConfigMap", {"binaryData": {"a": _BIG}}, [(TOO_LONG, "")]),
    ("Secret", {"data": {"a": _BIG}}, [(TOO_LONG, "data")]),
    ("Secret", {"data": {"a/b": ""}}, [(INVALID, "data[a/b]")]),
    ("Secret", {"type": "kubernetes.io/tls"}, [(REQUIRED, "data[tls.crt]"), (REQUIRED, "data[tls.key]")]),
    ("Secret", {"type": "kubernetes.io/dockerconfigjson"}, [(REQUIRED, "data[.dockerconfigjson]")]),
    ("Secret", {"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{"}},
     [(INVALID, "data[.dockerconfigjson]")]),
    ("Secret", {"type": "kubernetes.io/basic-auth"},
     [(REQUIRED, "data[%s][password]"), (REQUIRED, "data[%s][username]")]),
    ("Secret", {"type": "kubernetes.io/ssh-auth"}, [(REQUIRED, "data[%s][ssh-privatekey]")]),
    ("Secret", {"type": "kubernetes.io/service-account-token"},
     [(REQUIRED, "metadata.annotations[kubernetes.io/service-account.name]")]),
    ("Namespace", {"spec": {"finalizers": ["mine"]}}, [(INVALID, "spec.finalizers[0]")]),
    ("Node", {"spec": {"taints": [{"key": "k", "effect": "Never"}]}}, [(UNSUPPORTED, "spec.taints[0].effect")]),
    ("Node", {"spec": {"taints": [{"key": "k", "effect": "NoExecute"}] * 2}}, [(DUPLICATE, "spec.taints[1]")]),
    ("Node", {"spec": {"taints": [{"key": "", "value": "a b", "effect": ""}]}},
     [(INVALID, "spec.taints[0].key"), (INVALID, "spec.taints[0].key"), (INVALID, "spec.taints[0].value"),
      (REQUIRED, "spec.taints[0].effect")]),
    ("Node", {"status": {"capacity": {"cpu": "-1"}, "allocatable": {"cpu": "1"}}}, [(INVALID, "status.capacity.cpu")]),
    ("Lease", {"spec": {"leaseDurationSeconds": 0}}, [(INVALID, "spec.leaseDurationSeconds")]),
    ("Lease", {"spec": {"leaseTransitions": -1}}, [(INVALID, "spec.leaseTransitions")]),
    ("CoreEvent", {"involvedObject": {"namespace": "other"}}, [(INVALID, "involvedObject.namespace")]),
    ("CoreEvent", {"involvedObject": _ABOUT, "eventTime": "2026-01-01T00:00:00.000000Z"},
     [(INVALID, "reportingComponent"), (INVALID, "reportingComponent"), (REQUIRED, "action"), (REQUIRED, "reason"),
      (REQUIRED, "reportingComponent"), (REQUIRED, "reportingInstance")]),
    ("Event", {**_NEW_EVENT, "type": "Loud"}, [(INVALID, "type")]),
    ("Event", {**_NEW_EVENT, "deprecatedCount": 3}, [(INVALID, "count")]),
    ("Event", {**_NEW_EVENT, "reason": "r" * 129}, [(INVALID, "reason")]),
    ("Event", {**_NEW_EVENT, "note": "n" * 1025}, [(INVALID, "message")]),
    ("Event", {**_NEW_EVENT, "series": {"count": 1}},
     [(INVALID, "series.count"), (REQUIRED, "series.lastObservedTime")]),
    ("Event", {"regarding": _ABOUT, "type": "Normal", "reason": "r"}, [(REQUIRED, "eventTime")]),
    ("PersistentVolumeClaim", {"spec": {}}, [(REQUIRED, "spec.accessModes"), (REQUIRED, "spec.resources[storage]")]),
    ("PersistentVolumeClaim", {"spec": {**_CLAIM, "accessModes": ["Any"]}}, [(UNSUPPORTED, "spec.accessModes")]),
    ("Deployment", {"spec": {"template": _TEMPLATE}},
     [(INVALID, "spec.template.metadata.labels"), (REQUIRED, "spec.selector")]),
    ("Deployment", {"spec": {**_SELECTED, "selector": {"matchLabels": {"app": "b"}}}},
     [(INVALID, "spec.template.metadata.labels")]),
    ("Deployment", {"spec": {**_SELECTED, "selector": {}}}, [(INVALID, "spec.selector")]),
    ("Deployment", {"spec": {**_SELECTED, "template": {**_TEMPLATE, "spec": {**_POD, "restartPolicy": "Never"}}}},
     [(UNSUPPORTED, "spec.template.spec.restartPolicy")]),
    ("Deployment", {"spec": {**_SELECTED, "template": {"metadata": {"labels": _LABELS}, "spec": {"containers": []}}}},
     [(REQUIRED, "spec.template.spec.containers")]),
    ("Deployment", {"spec": {**_SELECTED, "replicas": -1}}, [(INVALID, "spec.replicas")]),
    ("Deployment", {"spec": {**_SELECTED, "strategy": {"type": "Sudden"}}}, [(UNSUPPORTED, "spec.strategy")]),
    ("Deployment", {"spec": {**_SELECTED, "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "0%"}}}},
     [(INVALID, "spec.strategy.rollingUpdate.maxUnavailable")]),
    ("StatefulSet", {"spec": {**_SELECTED, "podManagementPolicy": "Random"}}, [(INVALID, "spec.podManagementPolicy")]),
    ("DaemonSet", {"spec": {**_SELECTED, "updateStrategy": {"type": "Never"}}},
     [(UNSUPPORTED, "spec.updateStrategy")]),
    ("ReplicationController", {"spec": {}}, [(REQUIRED, "spec.selector"), (REQUIRED, "spec.template")]),
    ("Job", {"spec": {"template": {"spec": _POD}}}, [(REQUIRED, "spec.template.spec.restartPolicy")]),
    ("Job", {"spec": {"template": _ONCE, "parallelism": -1}}, [(INVALID, "spec.parallelism")]),
    ("Job", {"spec": {"template": _ONCE, "completionMode": "Indexed", "parallelism": 2}},
     [(REQUIRED, "spec.completions")]),
    ("Job", {"spec": {"template": _ONCE, "manualSelector": True}}, [(REQUIRED, "spec.selector")]),
    ("CronJob", {"spec": {"schedule": "often", "jobTemplate": {"spec": {"template": _ONCE}}}},
     [(INVALID, "spec.schedule")]),
    ("CronJob", {"spec": {"schedule": "* * * * *", "concurrencyPolicy": "Some",
                          "jobTemplate": {"spec": {"template": {"spec": _POD}}}}},
     [(UNSUPPORTED, "spec.concurrencyPolicy"), (REQUIRED, "spec.jobTemplate.spec.template.spec.restartPolicy")]),
    ("Role", {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": []}]}, [(REQUIRED, "rules[0].verbs")]),
    ("RoleBinding", {"roleRef": {"kind": "Right", "name": "r"}, "subjects": [{"kind": "Robot", "name": "n"}]},
     [(UNSUPPORTED, "roleRef.kind"), (UNSUPPORTED, "subjects[0].kind")]),
    ("PriorityClass", {"value": 2_000_000_000}, [(FORBIDDEN, "value")]),
    ("StorageClass", {"provisioner": ""}, [(REQUIRED, "provisioner")]),
    ("ResourceQuota", {"spec": {"hard": {"foo": "1", "pods": "-1", "secrets": "1500m"}}},
     [(INVALID, "spec.hard[foo]"), (INVALID, "spec.hard[pods]"), (INVALID, "spec.hard[secrets]")]),
    ("ResourceQuota", {"spec": {"scopes": ["Terminating", "NotTerminating"]}}, [(INVALID, "spec.scopes")]),
    ("ResourceQuota", {"spec": {"scopes": ["Sometimes"]}}, [(INVALID, "spec.scopes")]),
    ("LimitRange", {"spec": {"limits": [{"type": "Sort"}, {"type": "Pod", "default": {"cpu": "1"}}, {"type": "Pod"}]}},
     [(DUPLICATE, "spec.limits[2].type"), (FORBIDDEN, "spec.limits[1].default"), (INVALID, "spec.limits[0].type")]),
    ("LimitRange", {"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"},
                                         "defaultRequest": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "500m"}}]}},
     [(INVALID, "spec.limits[0].defaultRequest[cpu]"), (INVALID, "spec.limits[0].maxLimitRequestRatio[cpu]")]),
    ("LimitRange", {"spec": {"limits": [{"type": "PersistentVolumeClaim"}]}}, [(REQUIRED, "spec.limits[0].limits")]),
    ("PodDisruptionBudget", {"spec": {"minAvailable": 1, "maxUnavailable": 1}}, [(INVALID, "spec")]),
    ("HorizontalPodAutoscaler",
     {"spec": {"minReplicas": 3, "maxReplicas": 2, "scaleTargetRef": {"kind": "D", "name": "d"}}},
     [(INVALID, "spec.maxReplicas")]),
    ("Ingress", {"spec": {}}, [(INVALID, "spec")]),
    ("Ingress", {"spec": {"rules": [{"http": {"paths": [{"path": "/", "backend": {"service": {
        "name": "s", "port": {"number": 80}}}}]}}]}}, [(REQUIRED, "spec.rules[0].http.paths[0].pathType")]),
    ("NetworkPolicy", {"spec": {"podSelector": {}, "policyTypes": ["Sideways"]}},
     [(UNSUPPORTED, "spec.policyTypes[0]")]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "expected"), WRONG, ids=lambda value: str(value)[:40])
def test_wrong_ones(server: ApiServerInThread, kind: str, fields: JSON, expected: list[tuple[str, str]]) -> None:
    status, answer = server.request("POST", PATHS[kind], _object(kind, "wrong", fields))
    assert status == 422, answer
    assert answer["details"]["name"] == "wrong"
    assert _causes(answer) == expected


CHANGES: list[tuple[str, JSON, JSON, list[tuple[str, str]]]] = [
    ("ConfigMap", {"immutable": True, "data": {"a": "b"}}, {"data": {"a": "c"}}, [(FORBIDDEN, "data")]),
    ("ConfigMap", {"immutable": True}, {"immutable": False}, [(FORBIDDEN, "immutable")]),
    ("ConfigMap", {"immutable": True}, {"metadata": {"labels": {"a": "b"}}}, []),
    ("Secret", {}, {"type": "other"}, [(INVALID, "type")]),
    ("Secret", {"data": {"a": "Yg=="}}, {"stringData": {"a": "c"}}, []),
    ("Node", {"spec": {"podCIDR": "10.0.0.0/24"}}, {"spec": {"podCIDR": "10.0.1.0/24", "podCIDRs": ["10.0.1.0/24"]}},
     [(FORBIDDEN, "spec.podCIDRs")]),
    ("Node", {"spec": {"providerID": "a"}}, {"spec": {"providerID": "b"}}, [(FORBIDDEN, "spec.providerID")]),
    ("Event", _NEW_EVENT, {"note": "changed"}, [(INVALID, "message")]),
    ("CoreEvent", {"involvedObject": _ABOUT}, {"message": "changed"}, []),
    ("PersistentVolumeClaim", {"spec": _CLAIM}, {"spec": {"accessModes": ["ReadWriteMany"]}}, [(FORBIDDEN, "spec")]),
    ("Deployment", {"spec": _SELECTED}, {"spec": {"selector": {"matchLabels": {"b": "c"}},
                                                  "template": {"metadata": {"labels": {"b": "c"}}}}},
     [(INVALID, "spec.selector")]),
    ("StatefulSet", {"spec": _SELECTED}, {"spec": {"serviceName": "other"}}, [(FORBIDDEN, "spec")]),
    ("StatefulSet", {"spec": _SELECTED}, {"spec": {"replicas": 3}}, []),
    ("Job", {"spec": {"template": _ONCE}}, {"spec": {"completions": 2}}, [(INVALID, "spec.completions")]),
    ("Job", {"spec": {"template": _ONCE}}, {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}},
     [(INVALID, "spec.template")]),
    ("Job", {"spec": {"template": _ONCE}}, {"spec": {"parallelism": 2, "suspend": True}}, []),
    ("Job", {"spec": {"template": _ONCE, "suspend": True}},
     {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}}, []),
    ("RoleBinding", {"roleRef": _REF}, {"roleRef": {"name": "other"}}, [(INVALID, "roleRef")]),
    ("PriorityClass", {"value": 1}, {"value": 2}, [(FORBIDDEN, "value")]),
    ("ResourceQuota", {"spec": {"scopes": ["BestEffort"]}}, {"spec": {"scopes": None}}, [(INVALID, "spec.scopes")]),
    ("ResourceQuota", {"spec": {"hard": {"pods": "1"}}}, {"spec": {"hard": {"pods": "2", "count/jobs.batch": "3"}}},
     []),
    ("StorageClass", {"provisioner": "p"}, {"provisioner": "q"}, [(FORBIDDEN, "provisioner")]),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(CHANGES)), ids=lambda index: f"{CHANGES[index][0]}-{index}")
def test_changes(server: ApiServerInThread, index: int) -> None:
    kind, fields, change, expected = CHANGES[index]
    name = f"changed-{index}"
    created(server, PATHS[kind], _object(kind, name, fields))
    status, answer = server.request("PATCH", f"{PATHS[kind]}/{name}", change, MERGE)
    if expected:
        assert status == 422, answer
        assert _causes(answer) == expected
    else:
        assert status == 200, answer


def test_an_event_is_seen_from_both_groups(server: ApiServerInThread) -> None:
    new = created(server, PATHS["Event"], _object("Event", "both", {**_NEW_EVENT, "note": "hello"}))
    assert (new["apiVersion"], new["note"], new["deprecatedFirstTimestamp"]) == ("events.k8s.io/v1", "hello", None)
    status, core = server.request("GET", f"{PATHS['CoreEvent']}/both")
    assert (status, core["apiVersion"], core["message"]) == (200, "v1", "hello")
    assert (core["reportingComponent"], core["involvedObject"], core["firstTimestamp"]) == (
        "example.com/c",
        _ABOUT,
        None,
    )
