"""What `kubectl get -o wide` shows of built-in kinds, and the columns of custom ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from footplate_local.apiserver.kinds.builtins import builtin_types
from footplate_local.apiserver.kinds.registry import Column, Registry, ResourceType, Strategy
from footplate_local.apiserver.printing import tables

JSON = dict[str, Any]
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
AN_HOUR_AGO = "2026-01-01T11:00:00Z"
REGISTRY = Registry(builtin_types(Strategy()))
_SPEC = {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}]}
_TEMPLATE = {"metadata": {"labels": {"l": "m"}}, "spec": _SPEC}
_SELECTOR = {"matchLabels": {"l": "m"}, "matchExpressions": [{"key": "k", "operator": "In", "values": ["2", "1"]}]}
_CHOSEN = "k in (1,2),l=m"


def _shown(api_version: str, kind: str, fields: JSON) -> tuple[list[str], JSON]:
    """The headings of the table and its one row."""
    resource = REGISTRY.of_kind(api_version, kind)
    assert resource is not None
    meta = {"name": "n", "creationTimestamp": AN_HOUR_AGO, **fields.pop("metadata", {})}
    table = tables.table(resource, [{"metadata": meta, **fields}], {}, NOW)
    columns, row = table["columnDefinitions"], table["rows"][0]
    assert len(columns) == len(row["cells"])
    assert all(set(column) == {"name", "type", "format", "description", "priority"} for column in columns)
    headings = [column["name"] + "+" * column["priority"] for column in columns]
    return headings, row


CASES: list[tuple[str, str, JSON, str, list[Any]]] = [
    ("v1", "Namespace", {"status": {"phase": "Active"}}, "Name Status Age", ["n", "Active", "60m"]),
    ("v1", "ConfigMap", {"data": {"a": ""}, "binaryData": {"b": ""}}, "Name Data Age", ["n", 2, "60m"]),
    ("v1", "Secret", {"type": "Opaque"}, "Name Type Data Age", ["n", "Opaque", 0, "60m"]),
    ("v1", "ServiceAccount", {}, "Name Secrets Age", ["n", 0, "60m"]),
    ("v1", "LimitRange", {}, "Name Created_At", ["n", AN_HOUR_AGO]),
    (
        "v1",
        "Service",
        {
            "spec": {
                "type": "NodePort",
                "clusterIP": "10.96.0.9",
                "clusterIPs": ["10.96.0.9"],
                "selector": {"b": "c", "a": "d"},
                "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}],
            }
        },
        "Name Type Cluster-IP External-IP Port(s) Age Selector+",
        ["n", "NodePort", "10.96.0.9", "<none>", "80:30080/TCP,53/UDP", "60m", "a=d,b=c"],
    ),
    (
        "v1",
        "Service",
        {"spec": {"type": "ExternalName", "externalName": "db.example.com"}},
        "Name Type Cluster-IP External-IP Port(s) Age Selector+",
        ["n", "ExternalName", "<none>", "db.example.com", "<none>", "60m", "<none>"],
    ),
    (
        "v1",
        "Service",
        {"spec": {"type": "LoadBalancer", "clusterIPs": ["10.96.0.9"]}},
        "Name Type Cluster-IP External-IP Port(s) Age Selector+",
        ["n", "LoadBalancer", "10.96.0.9", "<pending>", "<none>", "60m", "<none>"],
    ),
    (
        "v1",
        "Endpoints",
        {"subsets": [{"addresses": [{"ip": f"10.0.0.{i}"} for i in range(5)], "ports": [{"port": 8}]}]},
        "Name Endpoints Age",
        ["n", "10.0.0.0:8,10.0.0.1:8,10.0.0.2:8 + 2 more...", "60m"],
    ),
    (
        "v1",
        "Node",
        {
            "metadata": {"labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "gpu"}},
            "spec": {"unschedulable": True},
            "status": {
                "conditions": [{"type": "Ready", "status": "Unknown"}],
                "nodeInfo": {"kubeletVersion": "v1"},
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            },
        },
        "Name Status Roles Age Version Internal-IP+ External-IP+ OS-Image+ Kernel-Version+ Container-Runtime+",
        [
            "n",
            "NotReady,SchedulingDisabled",
            "gpu,worker",
            "60m",
            "v1",
            "127.0.0.1",
            "<none>",
            "<unknown>",
            "<unknown>",
            "<unknown>",
        ],
    ),
    (
        "v1",
        "Event",
        {
            "type": "Warning",
            "reason": "Failed",
            "message": " it did \n",
            "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec"},
            "source": {"component": "c", "host": "h"},
            "firstTimestamp": AN_HOUR_AGO,
            "lastTimestamp": "2026-01-01T11:59:00Z",
            "count": 3,
        },
        "Last_Seen Type Reason Object Subobject+ Source+ Message First_Seen+ Count+ Name+",
        ["60s", "Warning", "Failed", "pod/p", "spec", "c, h", "it did", "60m", 3, "n"],
    ),
    (
        "events.k8s.io/v1",
        "Event",
        {
            "note": "new",
            "regarding": {"kind": "Pod", "name": "p"},
            "eventTime": "2026-01-01T11:59:00.000000Z",
            "reportingController": "c",
            "reportingInstance": "i",
        },
        "Last_Seen Type Reason Object Subobject+ Source+ Message First_Seen+ Count+ Name+",
        ["60s", "", "", "pod/p", "", "c, i", "new", "60s", 1, "n"],
    ),
    ("coordination.k8s.io/v1", "Lease", {"spec": {"holderIdentity": "me"}}, "Name Holder Age", ["n", "me", "60m"]),
    (
        "apps/v1",
        "Deployment",
        {
            "spec": {"replicas": 3, "selector": _SELECTOR, "template": _TEMPLATE},
            "status": {"readyReplicas": 2, "updatedReplicas": 1},
        },
        "Name Ready Up-to-date Available Age Containers+ Images+ Selector+",
        ["n", "2/3", 1, 0, "60m", "a,b", "x:1,y:1", _CHOSEN],
    ),
    (
        "apps/v1",
        "ReplicaSet",
        {"spec": {"replicas": 3, "selector": _SELECTOR, "template": _TEMPLATE}, "status": {"replicas": 2}},
        "Name Desired Current Ready Age Containers+ Images+ Selector+",
        ["n", 3, 2, 0, "60m", "a,b", "x:1,y:1", _CHOSEN],
    ),
    (
        "apps/v1",
        "StatefulSet",
        {"spec": {"replicas": 3, "template": _TEMPLATE}, "status": {"readyReplicas": 2}},
        "Name Ready Age Containers+ Images+",
        ["n", "2/3", "60m", "a,b", "x:1,y:1"],
    ),
    (
        "apps/v1",
        "DaemonSet",
        {"spec": {"selector": {}, "template": _TEMPLATE}, "status": {"desiredNumberScheduled": 4, "numberReady": 2}},
        "Name Desired Current Ready Up-to-date Available Node_Selector Age Containers+ Images+ Selector+",
        ["n", 4, 0, 2, 0, 0, "<none>", "60m", "a,b", "x:1,y:1", "<none>"],
    ),
    (
        "apps/v1",
        "ControllerRevision",
        {
            "metadata": {
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "controller": True}]
            },
            "revision": 2,
        },
        "Name Controller Revision Age",
        ["n", "daemonset.apps/d", 2, "60m"],
    ),
    (
        "batch/v1",
        "Job",
        {
            "spec": {"completions": 3, "selector": _SELECTOR, "template": _TEMPLATE},
            "status": {
                "succeeded": 3,
                "startTime": AN_HOUR_AGO,
                "completionTime": "2026-01-01T11:05:00Z",
                "conditions": [{"type": "Complete", "status": "True"}],
            },
        },
        "Name Status Completions Duration Age Containers+ Images+ Selector+",
        ["n", "Complete", "3/3", "5m", "60m", "a,b", "x:1,y:1", _CHOSEN],
    ),
    (
        "batch/v1",
        "Job",
        {"spec": {"parallelism": 2, "template": _TEMPLATE}, "status": {}},
        "Name Status Completions Duration Age Containers+ Images+ Selector+",
        ["n", "Running", "0/1 of 2", "", "60m", "a,b", "x:1,y:1", "<none>"],
    ),
    (
        "batch/v1",
        "CronJob",
        {
            "spec": {"schedule": "0 * * * *", "suspend": False, "jobTemplate": {"spec": {"template": _TEMPLATE}}},
            "status": {"active": [{}], "lastScheduleTime": AN_HOUR_AGO},
        },
        "Name Schedule Timezone Suspend Active Last_Schedule Age Containers+ Images+ Selector+",
        ["n", "0 * * * *", "<none>", "False", 1, "60m", "60m", "a,b", "x:1,y:1", "<none>"],
    ),
    (
        "v1",
        "PersistentVolume",
        {
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
                "volumeMode": "Block",
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": "s", "name": "c"},
            },
            "status": {"phase": "Bound"},
        },
        "Name Capacity Access_Modes Reclaim_Policy Status Claim StorageClass VolumeAttributesClass Reason Age "
        "VolumeMode+",
        ["n", "1Gi", "RWO,RWX", "Retain", "Bound", "s/c", "", "<unset>", "", "60m", "Block"],
    ),
    (
        "v1",
        "PersistentVolumeClaim",
        {"spec": {"storageClassName": "fast", "volumeMode": "Filesystem"}, "status": {"phase": "Pending"}},
        "Name Status Volume Capacity Access_Modes StorageClass VolumeAttributesClass Age VolumeMode+",
        ["n", "Pending", "", "", "", "fast", "<unset>", "60m", "Filesystem"],
    ),
    (
        "storage.k8s.io/v1",
        "StorageClass",
        {"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "p"},
        "Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age",
        ["n (default)", "p", "Delete", "Immediate", False, "60m"],
    ),
    (
        "v1",
        "ResourceQuota",
        {"status": {"hard": {"requests.cpu": "2", "limits.cpu": "4", "pods": "3"}, "used": {"pods": "1"}}},
        "Name Request Limit Age",
        ["n", "pods: 1/3, requests.cpu: 0/2", "limits.cpu: 0/4", "60m"],
    ),
    ("rbac.authorization.k8s.io/v1", "Role", {}, "Name Created_At", ["n", AN_HOUR_AGO]),
    (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        {
            "roleRef": {"kind": "Role", "name": "r"},
            "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s", "namespace": "ns"}],
        },
        "Name Role Age Users+ Groups+ ServiceAccounts+",
        ["n", "Role/r", "60m", "u", "", "ns/s"],
    ),
    (
        "scheduling.k8s.io/v1",
        "PriorityClass",
        {"value": 5, "preemptionPolicy": "Never"},
        "Name Value Global-Default Age PreemptionPolicy",
        ["n", 5, False, "60m", "Never"],
    ),
    (
        "policy/v1",
        "PodDisruptionBudget",
        {"spec": {"maxUnavailable": "10%"}, "status": {"disruptionsAllowed": 1}},
        "Name Min_Available Max_Unavailable Allowed_Disruptions Age",
        ["n", "N/A", "10%", 1, "60m"],
    ),
    (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        {"spec": {"podSelector": {}}},
        "Name Pod-Selector Age",
        ["n", "<none>", "60m"],
    ),
    (
        "networking.k8s.io/v1",
        "Ingress",
        {"spec": {"ingressClassName": "c", "rules": [{"host": "h"}], "tls": [{}]}},
        "Name Class Hosts Address Ports Age",
        ["n", "c", "h", "", "80, 443", "60m"],
    ),
    (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        {
            "spec": {
                "minReplicas": 1,
                "maxReplicas": 4,
                "scaleTargetRef": {"kind": "Deployment", "name": "d"},
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}}],
            },
            "status": {
                "currentReplicas": 2,
                "currentMetrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 10}}}
                ],
            },
        },
        "Name Reference Targets MinPods MaxPods Replicas Age",
        ["n", "Deployment/d", "cpu: 10%/80%", "1", 4, 2, "60m"],
    ),
]


@pytest.mark.parametrize(("version", "kind", "fields", "headings", "cells"), CASES, ids=lambda value: str(value)[:30])
def test_kinds(version: str, kind: str, fields: JSON, headings: str, cells: list[Any]) -> None:
    found, row = _shown(version, kind, dict(fields))
    assert found == [heading.replace("_", " ") for heading in headings.split()]
    assert row["cells"] == cells


def _status(name: str = "main", **more: Any) -> JSON:
    return {"name": name, "ready": False, "restartCount": 0, "state": {"running": {}}, **more}


_DONE, _BROKEN = {"terminated": {"exitCode": 0, "reason": "Completed"}}, {"terminated": {"exitCode": 3}}
_WAITING = {"waiting": {"reason": "ImagePullBackOff"}}
_SIDECAR = {"name": "s", "image": "i", "restartPolicy": "Always"}
_READY = {"type": "Ready", "status": "True"}
# spec, status, metadata; READY, STATUS, RESTARTS
PODS: list[tuple[JSON, JSON, JSON, list[str]]] = [
    ({}, {"phase": "Pending"}, {}, ["0/1", "Pending", "0"]),
    ({}, {"phase": "Failed", "reason": "Evicted"}, {}, ["0/1", "Evicted", "0"]),
    ({}, {"phase": "Running", "containerStatuses": [_status(ready=True)]}, {}, ["1/1", "Running", "0"]),
    ({}, {"phase": "Pending", "containerStatuses": [_status(state=_WAITING)]}, {}, ["0/1", "ImagePullBackOff", "0"]),
    ({}, {"phase": "Succeeded", "containerStatuses": [_status(state=_DONE)]}, {}, ["0/1", "Completed", "0"]),
    ({}, {"phase": "Failed", "containerStatuses": [_status(state=_BROKEN)]}, {}, ["0/1", "ExitCode:3", "0"]),
    (
        {},
        {"phase": "Failed", "containerStatuses": [_status(state={"terminated": {"signal": 9, "exitCode": 137}})]},
        {},
        ["0/1", "Signal:9", "0"],
    ),
    (
        {},
        {
            "phase": "Running",
            "containerStatuses": [
                _status(ready=True, restartCount=2, lastState={"terminated": {"finishedAt": "2026-01-01T11:57:00Z"}})
            ],
        },
        {},
        ["1/1", "Running", "2 (3m ago)"],
    ),
    (
        {"containers": [{"name": "a"}, {"name": "b"}]},
        {
            "phase": "Running",
            "conditions": [_READY],
            "containerStatuses": [_status("a", state=_DONE), _status("b", ready=True)],
        },
        {},
        ["1/2", "Running", "0"],
    ),
    (
        {"containers": [{"name": "a"}, {"name": "b"}]},
        {"phase": "Running", "containerStatuses": [_status("a", state=_DONE), _status("b", ready=True)]},
        {},
        ["1/2", "NotReady", "0"],
    ),
    (
        {"initContainers": [{"name": "i"}, {"name": "j"}]},
        {"phase": "Pending", "initContainerStatuses": [_status("i", state=_DONE), _status("j")]},
        {},
        ["0/1", "Init:1/2", "0"],
    ),
    (
        {"initContainers": [{"name": "i"}]},
        {"phase": "Pending", "initContainerStatuses": [_status("i", state=_BROKEN, restartCount=4)]},
        {},
        ["0/1", "Init:ExitCode:3", "4"],
    ),
    (
        {"initContainers": [_SIDECAR]},
        {
            "phase": "Running",
            "initContainerStatuses": [_status("s", started=True, ready=True, restartCount=1)],
            "containerStatuses": [_status(ready=True)],
        },
        {},
        ["2/2", "Running", "1"],
    ),
    (
        {},
        {"phase": "Running", "containerStatuses": [_status(ready=True)]},
        {"deletionTimestamp": AN_HOUR_AGO},
        ["1/1", "Terminating", "0"],
    ),
    ({}, {"phase": "Succeeded"}, {"deletionTimestamp": AN_HOUR_AGO}, ["0/1", "Succeeded", "0"]),
    (
        {},
        {"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]},
        {},
        ["0/1", "SchedulingGated", "0"],
    ),
]


@pytest.mark.parametrize(("spec", "status", "meta", "cells"), PODS, ids=lambda value: str(value)[:40])
def test_pods(spec: JSON, status: JSON, meta: JSON, cells: list[str]) -> None:
    headings, row = _shown(
        "v1", "Pod", {"metadata": meta, "spec": {"containers": [{"name": "main"}], **spec}, "status": status}
    )
    assert headings[:5] == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert row["cells"][1:4] == cells


def test_pods_that_have_ended_have_a_row_that_says_so() -> None:
    spec = {"containers": [{"name": "main"}], "nodeName": "here", "readinessGates": [{"conditionType": "g"}]}
    status = {"phase": "Failed", "podIP": "10.0.0.1", "conditions": [{"type": "g", "status": "True"}]}
    _, row = _shown("v1", "Pod", {"spec": spec, "status": status})
    assert row["cells"][5:] == ["10.0.0.1", "here", "<none>", "1/1"]
    assert row["conditions"] == [
        {"type": "Completed", "status": "True", "reason": "Failed", "message": "The pod failed."}
    ]


_PATHS = {
    "Text": ("string", ".spec.text"),
    "Count": ("integer", ".spec.count"),
    "Share": ("number", ".spec.share"),
    "On": ("boolean", ".spec.on"),
    "When": ("date", ".spec.when"),
    "Names": ("string", ".spec.list[*].name"),
    "Ready": ("string", ".status.conditions[?(@.type=='Ready')].status"),
}


@pytest.mark.parametrize(
    ("obj", "cells"),
    [
        ({}, [None] * 7),
        (
            {"spec": {"text": "x", "count": 3, "share": 2, "on": True, "when": "2026-01-01T00:00:00Z"}},
            ["x", 3, 2, True, "60s", None, None],
        ),
        ({"spec": {"text": 5, "count": 3.7, "share": 0.5, "on": "true"}}, ["5", 3, 0.5, None, None, None, None]),
        ({"spec": {"text": {"a": [1]}, "count": "3", "share": "x"}}, ['{"a":[1]}', None, None, None, None, None, None]),
        ({"spec": {"text": None, "when": "2026-01-01"}}, ["<no value>", None, None, None, "<invalid>", None, None]),
        ({"spec": {"text": True, "when": "soon"}}, ["true", None, None, None, "<invalid>", None, None]),
        ({"spec": {"list": [{"name": "a"}, {"name": "b"}]}}, [None, None, None, None, None, "a", None]),
        (
            {"status": {"conditions": [{"type": "A", "status": "1"}, {"type": "Ready", "status": "2"}]}},
            [None, None, None, None, None, None, "2"],
        ),
    ],
)
def test_columns_of_custom_kinds(obj: JSON, cells: list[Any]) -> None:
    columns = tuple(Column(name, *declared) for name, declared in _PATHS.items())
    kind = ResourceType("x.example.com", "v1", "X", "xs", namespaced=True, custom=True, columns=columns)
    now = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    shown = tables.table(kind, [{"metadata": {"name": "a"}, **obj}], {}, now)
    assert shown["rows"][0]["cells"] == ["a", *cells]
    about = shown["columnDefinitions"][1]["description"]
    assert about == "Custom resource definition column (in JSONPath format): .spec.text"


def test_columns_end_before_a_path_that_cannot_be_read() -> None:
    columns = (Column("A", "string", ".a"), Column("B", "string", ".b["), Column("C", "string", ".c"))
    kind = ResourceType("x.example.com", "v1", "X", "xs", namespaced=True, custom=True, columns=columns)
    shown = tables.table(kind, [{"metadata": {"name": "n"}, "a": "1"}], {}, datetime(2026, 1, 1, tzinfo=UTC))
    assert ([column["name"] for column in shown["columnDefinitions"]], shown["rows"][0]["cells"]) == (
        ["Name", "A"],
        ["n", "1"],
    )
