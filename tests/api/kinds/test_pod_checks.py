"""Pods that are turned away, with what is wrong and where."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from api_objects import MERGE, STRATEGIC, created, pod, read
from api_server import ApiServerInThread

JSON = dict[str, Any]
PODS = "/api/v1/namespaces/default/pods"
INVALID, REQUIRED, DUPLICATE = "FieldValueInvalid", "FieldValueRequired", "FieldValueDuplicate"
UNSUPPORTED, FORBIDDEN, NOT_FOUND = "FieldValueNotSupported", "FieldValueForbidden", "FieldValueNotFound"
_TWO = [{"name": "a", "image": "i"}, {"name": "a", "image": "i"}]
_CLAIM = {"persistentVolumeClaim": {"claimName": "c"}}


def _resources(requests: JSON | None = None, limits: JSON | None = None) -> JSON:
    return {"resources": {"requests": requests or {}, "limits": limits or {}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    server = ApiServerInThread(tmp_path_factory.mktemp("pods"))
    server.start()
    yield server
    server.stop()


def _causes(answer: JSON) -> list[tuple[str, str]]:
    return sorted((cause["reason"], cause["field"]) for cause in answer["details"].get("causes", ()))


# fields of the spec, what is wrong with it below `spec.`
SPECS: list[tuple[JSON, list[tuple[str, str]]]] = [
    ({"containers": []}, [(REQUIRED, "containers")]),
    ({"containers": _TWO}, [(DUPLICATE, "containers[1].name")]),
    ({"initContainers": [{"name": "main", "image": "i"}]}, [(DUPLICATE, "initContainers[0].name")]),
    ({"initContainers": [{"name": "s", "image": "i", "restartPolicy": "Never"}]},
     [(UNSUPPORTED, "initContainers[0].restartPolicy")]),
    ({"initContainers": [{"name": "s", "image": "i", "livenessProbe": {"exec": {"command": ["x"]}}}]},
     [(FORBIDDEN, "initContainers[0].livenessProbe")]),
    ({"ephemeralContainers": [{"name": "e", "image": "i"}]}, [(FORBIDDEN, "ephemeralContainers")]),
    ({"restartPolicy": "Sometimes"}, [(UNSUPPORTED, "restartPolicy")]),
    ({"dnsPolicy": "Own"}, [(UNSUPPORTED, "dnsPolicy")]),
    ({"dnsPolicy": "None"}, [(REQUIRED, "dnsConfig")]),
    ({"hostname": "A"}, [(INVALID, "hostname")]),
    ({"os": {"name": "plan9"}}, [(UNSUPPORTED, "os")]),
    ({"os": {"name": ""}}, [(REQUIRED, "os.name")]),
    ({"subdomain": "a.b"}, [(INVALID, "subdomain")]),
    ({"nodeName": "Big"}, [(INVALID, "nodeName")]),
    ({"nodeSelector": {"a b": "c"}}, [(INVALID, "nodeSelector")]),
    ({"activeDeadlineSeconds": 0}, [(INVALID, "activeDeadlineSeconds")]),
    ({"preemptionPolicy": "PreemptLowerPriority", "schedulingGates": [{"name": "g"}, {"name": "g"}]},
     [(DUPLICATE, "schedulingGates[1]")]),
    ({"nodeName": "n", "schedulingGates": [{"name": "g"}]}, [(FORBIDDEN, "nodeName")]),
    ({"hostAliases": [{"ip": "here"}]}, [(INVALID, "hostAliases[0].ip")]),
    ({"securityContext": {"runAsUser": -1}}, [(INVALID, "securityContext.runAsUser")]),
    ({"securityContext": {"seccompProfile": {"type": "Localhost"}}},
     [(REQUIRED, "securityContext.seccompProfile.localhostProfile")]),
    ({"tolerations": [{"operator": "Equal", "value": "v"}]}, [(INVALID, "tolerations[0].operator")]),
    ({"tolerations": [{"key": "k", "operator": "Exists", "value": "v"}]}, [(INVALID, "tolerations[0].operator")]),
    ({"tolerations": [{"key": "k", "operator": "Like"}]}, [(UNSUPPORTED, "tolerations[0].operator")]),
    ({"tolerations": [{"key": "k", "effect": "NoSchedule", "tolerationSeconds": 1}]},
     [(INVALID, "tolerations[0].effect")]),
    ({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}},
     [(REQUIRED, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms")]),
    ({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "zone", "labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}]}}},
     [(REQUIRED, "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector."
                 "matchExpressions[0].values")]),
    ({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "Hope"}]},
     [(INVALID, "topologySpreadConstraints[0].maxSkew"),
      (UNSUPPORTED, "topologySpreadConstraints[0].whenUnsatisfiable")]),
    ({"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]}, [(FORBIDDEN, "volumes[0].hostPath")]),
    ({"volumes": [{"name": "V"}]}, [(INVALID, "volumes[0].name")]),
    ({"volumes": [{"name": "v"}, {"name": "v"}]}, [(DUPLICATE, "volumes[1].name")]),
    ({"volumes": [{"name": "v", "secret": {"items": [{"key": "k", "path": "/abs"}]}}]},
     [(INVALID, "volumes[0].secret.items[0].path"), (REQUIRED, "volumes[0].secret.secretName")]),
    ({"volumes": [{"name": "v", "configMap": {"name": "c", "defaultMode": 512}}]},
     [(INVALID, "volumes[0].configMap.defaultMode")]),
    ({"volumes": [{"name": "v", "hostPath": {"path": "/a/../b", "type": "Thing"}}]},
     [(INVALID, "volumes[0].hostPath.path"), (UNSUPPORTED, "volumes[0].hostPath.type")]),
    ({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": ""}}]},
     [(REQUIRED, "volumes[0].persistentVolumeClaim.claimName")]),
    ({"volumes": [{"name": "v", "projected": {"sources": [
        {"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]}}]},
     [(INVALID, "volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds")]),
]  # fmt: skip

# fields of the one container, what is wrong with it below `spec.containers[0].`
CONTAINERS: list[tuple[JSON, list[tuple[str, str]]]] = [
    ({"name": ""}, [(REQUIRED, "name")]),
    ({"name": "Main"}, [(INVALID, "name")]),
    ({"image": ""}, [(REQUIRED, "image")]),
    ({"image": " busybox"}, [(INVALID, "image")]),
    ({"imagePullPolicy": "Often"}, [(UNSUPPORTED, "imagePullPolicy")]),
    ({"terminationMessagePolicy": "Log"}, [(UNSUPPORTED, "terminationMessagePolicy")]),
    ({"restartPolicy": "Always"}, [(FORBIDDEN, "restartPolicy")]),
    ({"env": [{"name": ""}, {"name": "a=b"}, {"name": "1.fine-now"}]},
     [(INVALID, "env[1].name"), (REQUIRED, "env[0].name")]),
    ({"env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
     [(INVALID, "env[0].valueFrom")]),
    ({"env": [{"name": "A", "valueFrom": {}}]}, [(INVALID, "env[0].valueFrom")]),
    ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nonsense"}}}]},
     [(INVALID, "env[0].valueFrom.fieldRef.fieldPath")]),
    ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}]},
     [(UNSUPPORTED, "env[0].valueFrom.fieldRef.fieldPath")]),
    ({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": ""}}}]},
     [(REQUIRED, "env[0].valueFrom.configMapKeyRef.key")]),
    ({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpu"}}}]},
     [(UNSUPPORTED, "env[0].valueFrom.resourceFieldRef.resource")]),
    ({"envFrom": [{"prefix": "a="}]}, [(INVALID, "envFrom"), (INVALID, "envFrom[0].prefix")]),
    ({"ports": [{"containerPort": 0}]}, [(REQUIRED, "ports[0].containerPort")]),
    ({"ports": [{"containerPort": 70000}]}, [(INVALID, "ports[0].containerPort")]),
    ({"ports": [{"containerPort": 1, "name": "a_b"}]}, [(INVALID, "ports[0].name")]),
    ({"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a", "protocol": "ICMP"}]},
     [(DUPLICATE, "ports[1].name"), (UNSUPPORTED, "ports[1].protocol")]),
    ({"ports": [{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}]},
     [(DUPLICATE, "ports[1].hostPort")]),
    ({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, [(NOT_FOUND, "volumeMounts[0].name")]),
    ({"readinessProbe": {}}, [(REQUIRED, "readinessProbe")]),
    ({"livenessProbe": {"exec": {"command": ["x"]}, "tcpSocket": {"port": 1}}},
     [(FORBIDDEN, "livenessProbe.tcpSocket")]),
    ({"livenessProbe": {"httpGet": {"port": "no name"}, "successThreshold": 2}},
     [(INVALID, "livenessProbe.httpGet.port"), (INVALID, "livenessProbe.successThreshold")]),
    ({"startupProbe": {"exec": {"command": []}, "periodSeconds": -1}},
     [(INVALID, "startupProbe.periodSeconds"), (REQUIRED, "startupProbe.exec.command")]),
    ({"lifecycle": {"preStop": {}}}, [(REQUIRED, "lifecycle.preStop")]),
    (_resources({"cpu": "2"}, {"cpu": "1"}), [(INVALID, "resources.requests")]),
    (_resources({"cpu": "-1"}), [(INVALID, "resources.requests[cpu]")]),
    (_resources({"coffee": "1"}), [(INVALID, "resources.requests[coffee]")] * 2),
    (_resources(limits={"nvidia.com/gpu": "500m"}),
     [(INVALID, "resources.limits[nvidia.com/gpu]"), (INVALID, "resources.requests[nvidia.com/gpu]")]),
    (_resources({"nvidia.com/gpu": "1"}), [(REQUIRED, "resources.limits")]),
    (_resources({"nvidia.com/gpu": "1"}, {"nvidia.com/gpu": "2"}), [(INVALID, "resources.requests")]),
    ({"securityContext": {"privileged": True, "allowPrivilegeEscalation": False}}, [(INVALID, "securityContext")]),
]  # fmt: skip


def _refused(server: ApiServerInThread, spec: JSON, expected: list[tuple[str, str]]) -> None:
    status, answer = server.request("POST", PODS, pod("wrong", **spec))
    assert status == 422, answer
    details = answer["details"]
    assert (answer["reason"], details["kind"], details["name"]) == ("Invalid", "Pod", "wrong")
    assert _causes(answer) == expected


@pytest.mark.parametrize(("spec", "expected"), SPECS, ids=lambda value: str(value)[:60])
def test_spec(server: ApiServerInThread, spec: JSON, expected: list[tuple[str, str]]) -> None:
    _refused(server, spec, [(reason, f"spec.{where}") for reason, where in expected])


@pytest.mark.parametrize(("fields", "expected"), CONTAINERS, ids=lambda value: str(value)[:60])
def test_container(server: ApiServerInThread, fields: JSON, expected: list[tuple[str, str]]) -> None:
    container = {"name": "main", "image": "busybox:1", **fields}
    _refused(
        server, {"containers": [container]}, [(reason, f"spec.containers[0].{where}") for reason, where in expected]
    )


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ({}, [(REQUIRED, "[1].mountPath")]),
        ({"mountPath": "/a"}, [(INVALID, "[1].mountPath")]),
        ({"mountPath": "/b", "subPath": "/abs"}, [(INVALID, ".subPath")]),
        ({"mountPath": "/b", "subPath": "a", "subPathExpr": "b"}, [(INVALID, "[1].subPathExpr")]),
        ({"mountPath": "/b", "mountPropagation": "Bidirectional"}, [(FORBIDDEN, ".mountPropagation")]),
    ],
)
def test_mount(server: ApiServerInThread, mount: JSON, expected: list[tuple[str, str]]) -> None:
    mounts = [{"name": "v", "mountPath": "/a"}, {"name": "v", **mount}]
    container = {"name": "main", "image": "busybox:1", "volumeMounts": mounts}
    spec = {"containers": [container], "volumes": [{"name": "v"}]}
    _refused(server, spec, [(reason, f"spec.containers[0].volumeMounts{where}") for reason, where in expected])


def test_a_volume_that_is_wrong_cannot_be_mounted(server: ApiServerInThread) -> None:
    container = {"name": "main", "image": "i:1", "volumeMounts": [{"name": "v", "mountPath": "/a"}]}
    spec = {"containers": [container], "volumes": [{"name": "v", "secret": {}}]}
    found = [(NOT_FOUND, "spec.containers[0].volumeMounts[0].name"), (REQUIRED, "spec.volumes[0].secret.secretName")]
    _refused(server, spec, found)


def test_quantities_that_cannot_be_read_are_no_pod_at_all(server: ApiServerInThread) -> None:
    container = {"name": "main", "image": "i:1", **_resources({"cpu": "much"})}
    status, answer = server.request("POST", PODS, pod("wrong", containers=[container]))
    assert (status, answer["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"serviceAccountName": "nobody"},
         'error looking up service account default/nobody: serviceaccount "nobody" not found'),
        ({"priorityClassName": "nothing"}, "no PriorityClass with name nothing was found"),
        ({"runtimeClassName": "nothing"}, 'pod rejected: RuntimeClass "nothing" not found'),
        ({"overhead": {"cpu": "1"}},
         "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"),
        ({"priority": 5}, "the integer value of priority (5) must not be provided in pod spec; priority admission "
                          "controller computed 0 from the given PriorityClass name"),
    ],
)  # fmt: skip
def test_what_admission_turns_away(server: ApiServerInThread, spec: JSON, why: str) -> None:
    status, answer = server.request("POST", PODS, pod("wrong", **spec))
    assert (status, answer["reason"], answer["details"]) == (403, "Forbidden", {"name": "wrong", "kind": "pods"})
    assert answer["message"] == f'pods "wrong" is forbidden: {why}'


def test_a_runtime_class_adds_what_it_takes_and_where_it_is(server: ApiServerInThread) -> None:
    runtime = {
        "metadata": {"name": "boxed"},
        "handler": "boxed",
        "overhead": {"podFixed": {"memory": "64Mi"}},
        "scheduling": {"nodeSelector": {"boxes": "yes"}, "tolerations": [{"key": "boxes", "operator": "Exists"}]},
    }
    created(server, "/apis/node.k8s.io/v1/runtimeclasses", runtime)
    spec = created(server, PODS, pod("boxed", runtimeClassName="boxed", nodeSelector={"a": "b"}))["spec"]
    assert spec["overhead"] == {"memory": "64Mi"}
    assert spec["nodeSelector"] == {"a": "b", "boxes": "yes"}
    assert {"key": "boxes", "operator": "Exists"} in spec["tolerations"]
    for wrong in ({"nodeSelector": {"boxes": "no"}}, {"overhead": {"memory": "1Gi"}}):
        status, answer = server.request("POST", PODS, pod("wrong", runtimeClassName="boxed", **wrong))
        assert (status, answer["reason"]) == (403, "Forbidden")


# a change of the spec of a pod that runs, what is wrong with it below `spec`
UPDATES: list[tuple[str, JSON, list[tuple[str, str]]]] = [
    ("image", {"containers": [{"name": "main", "image": "busybox:2"}]}, []),
    ("no image", {"containers": [{"name": "main", "image": ""}]},
     [(REQUIRED, ".containers[0].image"), (REQUIRED, ".containers[0].image")]),
    ("command", {"containers": [{"name": "main", "image": "busybox:1", "command": ["x"]}]}, [(FORBIDDEN, "")]),
    ("one more", {"containers": [{"name": "main", "image": "i:1"}, {"name": "b", "image": "i:1"}]},
     [(FORBIDDEN, ".containers")]),
    ("node", {"nodeName": "elsewhere"}, [(FORBIDDEN, "")]),
    ("sooner", {"activeDeadlineSeconds": 50}, []),
    ("later", {"activeDeadlineSeconds": 200}, [(INVALID, ".activeDeadlineSeconds")]),
    ("never", {"activeDeadlineSeconds": None}, [(INVALID, ".activeDeadlineSeconds")]),
    ("gate", {"schedulingGates": [{"name": "g"}]}, [(FORBIDDEN, ".schedulingGates[0].name")]),
    ("tolerant", {"tolerations": [{"key": "old", "operator": "Exists"}, {"key": "new", "operator": "Exists"}]}, []),
    ("intolerant", {"tolerations": []}, [(FORBIDDEN, ".tolerations")]),
    ("grace", {"terminationGracePeriodSeconds": 5}, [(FORBIDDEN, "")]),
    ("labels of nodes", {"nodeSelector": {"a": "b"}}, [(FORBIDDEN, "")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "expected"), UPDATES, ids=[case[0] for case in UPDATES])
def test_update(server: ApiServerInThread, name: str, change: JSON, expected: list[tuple[str, str]]) -> None:
    name = name.replace(" ", "-")
    old = pod(name, activeDeadlineSeconds=100, tolerations=[{"key": "old", "operator": "Exists"}])
    old["spec"]["containers"] = [{"name": "main", "image": "busybox:1"}]
    new = created(server, PODS, old)
    body = copy.deepcopy(new)
    for key, value in change.items():
        body["spec"][key] = value
    if "containers" in change:
        body["spec"]["containers"] = [{**new["spec"]["containers"][0], **item} for item in change["containers"]]
    status, answer = server.request("PUT", f"{PODS}/{name}", body)
    if not expected:
        assert status == 200, answer
        assert answer["metadata"]["generation"] == 2
    else:
        assert status == 422, answer
        assert _causes(answer) == [(reason, f"spec{where}") for reason, where in expected]


def test_a_container_that_has_ended_for_good_stays_ended(server: ApiServerInThread) -> None:
    created(server, PODS, pod("ended", restartPolicy="Never"))
    base = {"name": "main", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    ended = {**base, "state": {"terminated": {"exitCode": 0}}}
    assert server.request("PATCH", f"{PODS}/ended/status", {"status": {"containerStatuses": [ended]}}, MERGE)[0] == 200
    running = {**base, "state": {"running": {}}}
    status, answer = server.request(
        "PATCH", f"{PODS}/ended/status", {"status": {"containerStatuses": [running]}}, MERGE
    )
    assert (status, _causes(answer)) == (422, [(FORBIDDEN, "status.containerStatuses[0].state")])


def test_the_status_has_one_first_address(server: ApiServerInThread) -> None:
    created(server, PODS, pod("address"))
    for sent in ({"podIP": "10.0.0.9"}, {"podIPs": [{"ip": "10.0.0.9"}]}):
        answer = server.request("PATCH", f"{PODS}/address/status", {"status": sent}, MERGE)[1]
        assert (answer["status"]["podIP"], answer["status"]["podIPs"]) == ("10.0.0.9", [{"ip": "10.0.0.9"}])
    assert read(server, f"{PODS}/address")["status"]["qosClass"] == "BestEffort"


def test_an_eviction_deletes_with_grace(server: ApiServerInThread) -> None:
    created(server, PODS, pod("evicted"))
    target = {"apiVersion": "v1", "kind": "Node", "name": "n"}
    assert (
        server.request("POST", f"{PODS}/evicted/binding", {"metadata": {"name": "evicted"}, "target": target})[0] == 201
    )
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "other"}}
    assert server.request("POST", f"{PODS}/evicted/eviction", eviction)[0] == 400
    eviction |= {"metadata": {"name": "evicted"}, "deleteOptions": {"gracePeriodSeconds": 7}}
    status, answer = server.request("POST", f"{PODS}/evicted/eviction", eviction)
    assert (status, answer["status"]) == (201, "Success")
    assert read(server, f"{PODS}/evicted")["metadata"]["deletionGracePeriodSeconds"] == 7


def test_ephemeral_containers_are_added_and_stay(server: ApiServerInThread) -> None:
    created(server, PODS, pod("debugged"))
    path = f"{PODS}/debugged/ephemeralcontainers"
    change = {"spec": {"hostname": "kept-out", "ephemeralContainers": [{"name": "debug", "image": "busybox:1"}]}}
    status, answer = server.request("PATCH", path, change, STRATEGIC)
    assert status == 200, answer
    assert "hostname" not in answer["spec"]
    assert answer["spec"]["ephemeralContainers"][0]["terminationMessagePolicy"] == "File"
    for wrong in ([], [{"name": "debug", "image": "busybox:2"}]):
        status, answer = server.request("PATCH", path, {"spec": {"ephemeralContainers": wrong}}, MERGE)
        assert (status, _causes(answer)) == (422, [(FORBIDDEN, "spec.ephemeralContainers")])
