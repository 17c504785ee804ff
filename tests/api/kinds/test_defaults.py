"""What kube-apiserver fills in: whole objects, as they come back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api_objects import MERGE, created
from api_server import ApiServerInThread

JSON = dict[str, Any]
_POD: JSON = {"containers": [{"name": "main", "image": "busybox"}]}
_FILLED: JSON = {
    "containers": [
        {
            "name": "main",
            "image": "busybox",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "Always",
        }
    ],
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_TOLERATED = [
    {"key": f"node.kubernetes.io/{why}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for why in ("not-ready", "unreachable")
]
_LABELS = {"app": "a"}
_TEMPLATE = {"metadata": {"labels": _LABELS}, "spec": _POD}
_SELECTED = {"selector": {"matchLabels": _LABELS}, "template": _TEMPLATE}
_FILLED_SELECTED = {
    "selector": {"matchLabels": _LABELS},
    "template": {"metadata": {"labels": _LABELS}, "spec": _FILLED},
}
_APPS = "/apis/apps/v1/namespaces/default"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    server = ApiServerInThread(tmp_path_factory.mktemp("defaults"))
    server.start()
    yield server
    server.stop()


def _created(server: ApiServerInThread, path: str, name: str, **fields: Any) -> JSON:
    return created(server, path, {"metadata": {"name": name}, **fields})


def test_a_pod(server: ApiServerInThread) -> None:
    pod = _created(server, "/api/v1/namespaces/default/pods", "plain", spec=_POD)
    assert pod["spec"] == {
        **_FILLED,
        "enableServiceLinks": True,
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "priority": 0,
        "preemptionPolicy": "PreemptLowerPriority",
        "tolerations": _TOLERATED,
    }
    assert pod["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert pod["metadata"]["generation"] == 1


def test_a_pod_with_much_in_it(server: ApiServerInThread) -> None:
    container = {
        "name": "main",
        "image": "registry:5000/image:v1",
        "ports": [{"containerPort": 80}],
        "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}},
        "livenessProbe": {"httpGet": {"port": 80}},
        "lifecycle": {"preStop": {"httpGet": {"port": "web", "path": "/end"}}},
    }
    volumes = [
        {"name": "nothing"},
        {"name": "map", "configMap": {"name": "c"}},
        {"name": "host", "hostPath": {"path": "/h"}},
        {"name": "all", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
    ]
    spec = {"containers": [container], "volumes": volumes, "hostNetwork": True}
    filled = _created(server, "/api/v1/namespaces/default/pods", "full", spec=spec)
    main = filled["spec"]["containers"][0]
    assert main["imagePullPolicy"] == "IfNotPresent"
    assert main["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]
    assert main["env"][0]["valueFrom"]["fieldRef"] == {"apiVersion": "v1", "fieldPath": "metadata.name"}
    amounts = {"cpu": "500m", "memory": "1Gi"}
    assert main["resources"] == {"limits": amounts, "requests": amounts}
    assert main["livenessProbe"] == {
        "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert main["lifecycle"]["preStop"]["httpGet"] == {"path": "/end", "port": "web", "scheme": "HTTP"}
    assert filled["spec"]["volumes"] == [
        {"name": "nothing", "emptyDir": {}},
        {"name": "map", "configMap": {"name": "c", "defaultMode": 420}},
        {"name": "host", "hostPath": {"path": "/h", "type": ""}},
        {
            "name": "all",
            "projected": {
                "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                "defaultMode": 420,
            },
        },
    ]
    assert filled["status"]["qosClass"] == "Guaranteed"


@pytest.mark.parametrize(
    ("plural", "sent", "expected"),
    [
        ("deployments", _SELECTED, {
            **_FILLED_SELECTED, "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}}),
        ("replicasets", _SELECTED, {**_FILLED_SELECTED, "replicas": 1}),
        ("daemonsets", _SELECTED, {
            **_FILLED_SELECTED, "revisionHistoryLimit": 10,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}}),
        ("statefulsets", {**_SELECTED, "serviceName": "s"}, {
            **_FILLED_SELECTED, "serviceName": "s", "replicas": 1, "revisionHistoryLimit": 10,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"}}),
    ],
)  # fmt: skip
def test_a_workload(server: ApiServerInThread, plural: str, sent: JSON, expected: JSON) -> None:
    found = _created(server, f"{_APPS}/{plural}", "filled", spec=sent)
    assert found["spec"] == expected
    assert found["metadata"]["generation"] == 1


def test_pods_of_a_stateful_set_may_mount_its_claims(server: ApiServerInThread) -> None:
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}
    container = {**_POD["containers"][0], "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    spec = {
        **_SELECTED,
        "serviceName": "s",
        "template": {**_TEMPLATE, "spec": {"containers": [container]}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": asked}],
    }
    made = _created(server, f"{_APPS}/statefulsets", "claims", spec=spec)
    assert made["spec"]["volumeClaimTemplates"] == [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data"},
            "spec": {**asked, "resources": {"requests": {"storage": "1Gi"}}, "volumeMode": "Filesystem"},
            "status": {"phase": "Pending"},
        }
    ]


def test_a_job_selects_its_own_pods(server: ApiServerInThread) -> None:
    template = {"spec": {**_POD, "restartPolicy": "Never"}}
    job = _created(server, "/apis/batch/v1/namespaces/default/jobs", "train", spec={"template": template})
    uid = job["metadata"]["uid"]
    labels = {
        "controller-uid": uid, "batch.kubernetes.io/controller-uid": uid,
        "job-name": "train", "batch.kubernetes.io/job-name": "train",
    }  # fmt: skip
    assert job["metadata"]["labels"] == labels
    assert job["spec"] == {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": "TerminatingOrFailed",
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
        "template": {"metadata": {"labels": labels}, "spec": {**_FILLED, "restartPolicy": "Never"}},
    }
    assert job["status"] == {}


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        (
            "/apis/batch/v1/namespaces/default/cronjobs",
            {
                "spec": {
                    "schedule": "@daily",
                    "jobTemplate": {"spec": {"template": {"spec": {**_POD, "restartPolicy": "Never"}}}},
                }
            },
            {
                "concurrencyPolicy": "Allow",
                "suspend": False,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 1,
            },
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
            {"spec": {"podSelector": {}, "egress": [{"ports": [{"port": 1}]}]}},
            {"policyTypes": ["Ingress", "Egress"], "egress": [{"ports": [{"port": 1, "protocol": "TCP"}]}]},
        ),
        (
            "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
            {
                "spec": {
                    "maxReplicas": 2,
                    "scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"},
                }
            },
            {
                "minReplicas": 1,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                    }
                ],
            },
        ),
        (
            "/api/v1/namespaces/default/persistentvolumeclaims",
            {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}},
            {"volumeMode": "Filesystem", "resources": {"requests": {"storage": "1Gi"}}},
        ),
        ("/api/v1/namespaces", {}, {"finalizers": ["kubernetes"]}),
        ("/api/v1/nodes", {"spec": {"podCIDR": "10.0.0.0/24"}}, {"podCIDRs": ["10.0.0.0/24"]}),
    ],
)
def test_specs_of_other_kinds(server: ApiServerInThread, path: str, sent: JSON, expected: JSON) -> None:
    spec = _created(server, path, "filled", **sent)["spec"]
    assert {key: spec.get(key) for key in expected} == expected


def test_limits_of_containers_follow_from_each_other(server: ApiServerInThread) -> None:
    limits = [
        {"type": "Container", "max": {"cpu": "4", "memory": "4Gi"}, "min": {"gpu.example.com/a": "1"},
         "default": {"memory": "1Gi"}},
        {"type": "Pod", "max": {"cpu": "8"}},
    ]  # fmt: skip
    container, of_pods = _created(server, "/api/v1/namespaces/default/limitranges", "filled", spec={"limits": limits})[
        "spec"
    ]["limits"]
    assert container["default"] == {"cpu": "4", "memory": "1Gi"}
    assert container["defaultRequest"] == {"cpu": "4", "memory": "1Gi", "gpu.example.com/a": "1"}
    assert of_pods == limits[1]


def test_a_binding_of_roles(server: ApiServerInThread) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    subjects = [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s", "namespace": "n"}]
    found = _created(server, path, "all", roleRef={"kind": "ClusterRole", "name": "r"}, subjects=subjects)
    group = "rbac.authorization.k8s.io"
    assert found["roleRef"] == {"apiGroup": group, "kind": "ClusterRole", "name": "r"}
    assert found["subjects"] == [{"apiGroup": group, "kind": "User", "name": "u"}, subjects[1]]


def test_priority_classes_are_those_of_pods(server: ApiServerInThread) -> None:
    classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
    assert _created(server, classes, "urgent", value=7)["preemptionPolicy"] == "PreemptLowerPriority"
    spec = {**_POD, "priorityClassName": "urgent"}
    assert _created(server, "/api/v1/namespaces/default/pods", "urgent", spec=spec)["spec"]["priority"] == 7
    _created(server, classes, "usual", value=3, globalDefault=True, preemptionPolicy="Never")
    try:
        second = {"metadata": {"name": "second"}, "value": 4, "globalDefault": True}
        status, answer = server.request("POST", classes, second)
        assert (status, answer["reason"], answer["details"]["name"]) == (403, "Forbidden", "second")
        usual = _created(server, "/api/v1/namespaces/default/pods", "usual", spec=_POD)["spec"]
    finally:
        server.request("DELETE", f"{classes}/usual")
    assert (usual["priority"], usual["priorityClassName"], usual["preemptionPolicy"]) == (3, "usual", "Never")


def test_a_pod_pulls_with_the_secrets_of_its_account(server: ApiServerInThread) -> None:
    secrets = [{"name": "registry"}]
    _created(server, "/api/v1/namespaces/default/serviceaccounts", "puller", imagePullSecrets=secrets)
    spec = {**_POD, "serviceAccountName": "puller"}
    assert (
        _created(server, "/api/v1/namespaces/default/pods", "puller", spec=spec)["spec"]["imagePullSecrets"] == secrets
    )


# collection, an object, a selector that picks it, one that does not
SELECTED: list[tuple[str, JSON, str, str]] = [
    (
        "/api/v1/namespaces/default/pods",
        {"spec": {**_POD, "hostNetwork": True, "schedulerName": "s"}},
        "spec.hostNetwork=true,spec.schedulerName=s,status.phase=Pending,spec.serviceAccountName=default",
        "spec.restartPolicy=Never,metadata.name=selected",
    ),
    ("/api/v1/namespaces/default/secrets", {"type": "mine"}, "type=mine", "type!=mine,metadata.name=selected"),
    (
        "/api/v1/namespaces/default/services",
        {"spec": {"clusterIP": "10.96.77.7", "ports": [{"port": 1}]}},
        "spec.clusterIP=10.96.77.7,spec.type=ClusterIP",
        "spec.type=NodePort",
    ),
    ("/api/v1/namespaces", {}, "name=selected,status.phase=Active", "status.phase=Terminating"),
    (
        "/api/v1/nodes",
        {"spec": {"unschedulable": True}},
        "spec.unschedulable=true",
        "spec.unschedulable=false,metadata.name=selected",
    ),
    (
        "/apis/apps/v1/namespaces/default/replicasets",
        {"spec": _SELECTED},
        "status.replicas=0,metadata.name=selected",
        "status.replicas=1",
    ),
    (
        "/apis/batch/v1/namespaces/default/jobs",
        {"spec": {"template": {"spec": {**_POD, "restartPolicy": "Never"}}}},
        "status.successful=0,metadata.name=selected",
        "status.successful=1",
    ),
    (
        "/api/v1/namespaces/default/events",
        {
            "involvedObject": {"name": "x", "namespace": "default", "kind": "Pod"},
            "reason": "r",
            "source": {"component": "c"},
        },
        "involvedObject.kind=Pod,involvedObject.name=x,reason=r,source=c",
        "type=Warning,involvedObject.name=x",
    ),
]


@pytest.mark.parametrize(("path", "fields", "picks", "leaves"), SELECTED, ids=lambda value: str(value)[:40])
def test_field_selectors(server: ApiServerInThread, path: str, fields: JSON, picks: str, leaves: str) -> None:
    _created(server, path, "selected", **fields)
    for selector, expected in ((picks, ["selected"]), (leaves, [])):
        status, found = server.request(
            "GET", f"{path}?fieldSelector={selector.replace(',', '%2C').replace('=', '%3D')}"
        )
        assert status == 200, found
        assert [item["metadata"]["name"] for item in found["items"]] == expected


def test_fields_that_a_kind_has_no_selector_for(server: ApiServerInThread) -> None:
    for path in ("/api/v1/namespaces/default/pods", "/apis/apps/v1/namespaces/default/deployments"):
        status, answer = server.request("GET", f"{path}?fieldSelector=spec.replicas%3D1")
        assert (status, answer["reason"]) == (400, "BadRequest")


def test_labels_of_a_namespace_follow_its_name(server: ApiServerInThread) -> None:
    _created(server, "/api/v1/namespaces", "labelled")
    change = {"metadata": {"labels": {"kubernetes.io/metadata.name": "other"}}}
    status, answer = server.request("PATCH", "/api/v1/namespaces/labelled", change, MERGE)
    assert (status, answer["metadata"]["labels"]) == (200, {"kubernetes.io/metadata.name": "labelled"})
