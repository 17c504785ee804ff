"""Server-side apply as requests: what is answered, what is refused, and what managedFields say after any write."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from api_objects import (
    APPLY,
    CONFIG_MAPS,
    DEFINITIONS,
    MERGE,
    PODS,
    STRATEGIC,
    THINGS,
    config_map,
    created,
    definition,
    eventually,
    pod,
    read,
    thing,
)
from api_server import ApiServerInThread

JSON = dict[str, Any]
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NAMES = (f"object-{number}" for number in itertools.count())
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "image": {"type": "string"},
                "replicas": {"type": "integer", "default": 1},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            },
        },
        "status": {"type": "object", "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}}},
    },
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    """One server for all tests here; each uses names of its own."""
    server = ApiServerInThread(tmp_path_factory.mktemp("server") / "home")
    server.start()
    crd = definition(SCHEMA)
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    crd["spec"]["versions"][0]["subresources"]["scale"] = scale
    created(server, DEFINITIONS, crd)
    eventually(lambda: server.request("GET", THINGS)[0] == 200)
    yield server
    server.stop()


@pytest.fixture
def name() -> str:
    return next(NAMES)


def applied(server: ApiServerInThread, path: str, body: Any, manager: str, query: str = "") -> tuple[int, JSON]:
    status, answer = server.request("PATCH", f"{path}?fieldManager={manager}{query}", body, APPLY)
    return status, dict(answer)


def with_data(name: str, **data: str) -> JSON:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def owned(obj: JSON) -> dict[str, JSON]:
    """fieldsV1 by manager, operation and subresource."""
    return {
        " ".join(filter(None, (entry["manager"], entry["operation"], entry.get("subresource")))): entry["fieldsV1"]
        for entry in obj["metadata"].get("managedFields", [])
    }


def test_a_field_of_another_manager_is_a_conflict_that_names_it(server: ApiServerInThread, name: str) -> None:
    path = f"{CONFIG_MAPS}/{name}"
    assert applied(server, path, with_data(name, k="1"), "one")[0] == 201
    status, answer = applied(server, path, with_data(name, k="2"), "two")
    assert (status, answer["reason"]) == (409, "Conflict")
    assert answer["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.k'
    assert answer["details"] == {
        "causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.k"}]
    }


def test_conflicts_are_told_by_manager(server: ApiServerInThread, name: str) -> None:
    path = f"{CONFIG_MAPS}/{name}"
    created(server, f"{CONFIG_MAPS}?fieldManager=maker", config_map(name, {"x": "1", "y": "1"}))
    applied(server, path, with_data(name, x="1", z="1"), "one")
    status, answer = applied(server, path, with_data(name, x="2", y="2", z="2"), "two")
    assert status == 409
    assert answer["message"] == (
        "Apply failed with 4 conflicts: "
        'conflicts with "maker" using v1:\n- .data.x\n- .data.y\nconflicts with "one":\n- .data.x\n- .data.z'
    )
    assert {(cause["message"], cause["field"]) for cause in answer["details"]["causes"]} == {
        ('conflict with "maker" using v1', ".data.x"),
        ('conflict with "maker" using v1', ".data.y"),
        ('conflict with "one"', ".data.x"),
        ('conflict with "one"', ".data.z"),
    }


def test_force_takes_the_field_over(server: ApiServerInThread, name: str) -> None:
    path = f"{CONFIG_MAPS}/{name}"
    applied(server, path, with_data(name, k="1", mine="1"), "one")
    status, answer = applied(server, path, with_data(name, k="2"), "two", "&force=true")
    assert (status, answer["data"]) == (200, {"k": "2", "mine": "1"})
    applied(server, path, with_data(name, mine="1"), "one")
    assert read(server, path)["data"] == {"k": "2", "mine": "1"}


def test_applying_the_same_again_changes_nothing(server: ApiServerInThread, name: str) -> None:
    path = f"{CONFIG_MAPS}/{name}"
    first = applied(server, path, with_data(name, k="1"), "one")[1]
    assert applied(server, path, with_data(name, k="1"), "one")[1] == first
    shared = applied(server, path, with_data(name, k="1"), "two")[1]
    assert shared["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
    assert owned(shared) == {"one Apply": {"f:data": {"f:k": {}}}, "two Apply": {"f:data": {"f:k": {}}}}


def test_a_dry_run_creates_nothing(server: ApiServerInThread, name: str) -> None:
    path = f"{CONFIG_MAPS}/{name}"
    assert applied(server, path, with_data(name, k="1"), "one", "&dryRun=All")[0] == 201
    assert server.request("GET", path)[0] == 404


def test_an_apply_is_yaml(server: ApiServerInThread, name: str) -> None:
    body = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata: {{a: 'no', at: 2026-01-01}}\n"
    context = ssl.create_default_context(cafile=server.certificate)
    client = http.client.HTTPSConnection("127.0.0.1", server.server.port, context=context, timeout=20)
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": APPLY}
    with contextlib.closing(client):
        client.request("PATCH", f"{CONFIG_MAPS}/{name}?fieldManager=one", body, headers)
        answer = json.loads(client.getresponse().read())
    assert answer.get("data") == {"a": "no", "at": "2026-01-01"}, answer


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ([], 400, "error decoding YAML"),
        ({}, 400, "invalid object type: /, Kind="),
        ({"apiVersion": "v1", "kind": "Secret"}, 400, "invalid object type: /v1, Kind=Secret"),
        ({"apiVersion": "apps/v1", "kind": "ConfigMap"}, 400, "invalid object type: apps/v1, Kind=ConfigMap"),
        ({"metadata": {}}, 400, "the name of the object (NAME based on URL) was undeterminable: name must be provided"),
        ({"metadata": {"name": "b"}}, 400, "the name of the object (b) does not match the name on the URL (NAME)"),
        ({"metadata": {"name": "NAME", "namespace": "x"}}, 400, "the namespace of the provided object does not match"),
        ({"metadata": {"name": "NAME", "managedFields": []}}, 400, "metadata.managedFields must be nil"),
        ({"metadata": {"name": "NAME", "uid": "x"}}, 409, "uid mismatch: the provided object specified uid x"),
        ({"metadata": []}, 400, ".metadata: expected map, got &{[]}"),
        ({"data": {"a": 1}}, 400, ".data.a: expected string, got &value.valueUnstructured{Value:1}"),
        ({"dota": {}}, 400, "failed to create typed patch object (/NAME; /v1, Kind=ConfigMap): .dota: field not decl"),
        ({"metadata": {"name": "NAME", "finalizers": ["a", "a"]}}, 400, 'duplicate entries for key [="a"]'),
        ({"metadata": {"name": "NAME", "labels": {"?": ""}}}, 422, "metadata.labels: Invalid value"),
    ],
)
def test_what_cannot_be_applied(server: ApiServerInThread, name: str, body: Any, code: int, text: str) -> None:
    if isinstance(body, dict) and ("metadata" in body or "data" in body or "dota" in body):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "NAME"}, **body}
        body = json.loads(json.dumps(body).replace("NAME", name))
    status, answer = applied(server, f"{CONFIG_MAPS}/{name}", body, "one")
    assert (status, answer["code"]) == (code, code)
    assert text.replace("NAME", name) in answer["message"]
    assert server.request("GET", f"{CONFIG_MAPS}/{name}")[0] == 404


def test_a_version_in_what_is_applied(server: ApiServerInThread, name: str) -> None:
    path = f"{CONFIG_MAPS}/{name}"
    body = with_data(name, k="1")
    body["metadata"]["resourceVersion"] = "1"
    assert applied(server, path, body, "one")[0] == 201
    body["data"] = {"k": "2"}
    status, answer = applied(server, path, body, "one")
    assert (status, answer["reason"], answer["details"]["kind"]) == (409, "Conflict", "configmaps")


def test_containers_are_merged_by_name(server: ApiServerInThread, name: str) -> None:
    def with_containers(*containers: JSON) -> JSON:
        spec = {"containers": list(containers)}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}

    path = f"{PODS}/{name}"
    both = with_containers(
        {"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1", "ports": [{"containerPort": 8}]}
    )
    assert applied(server, path, both, "one")[0] == 201
    change = with_containers({"name": "b", "image": "b:2"})
    status, answer = applied(server, path, change, "two")
    assert answer["details"]["causes"][0]["field"] == '.spec.containers[name="b"].image'
    status, answer = applied(server, path, change, "two", "&force=true")
    assert status == 200, answer
    assert {item["name"]: item["image"] for item in answer["spec"]["containers"]} == {"a": "a:1", "b": "b:2"}
    assert owned(answer)["one Apply"]["f:spec"]["f:containers"]['k:{"name":"b"}'] == {
        ".": {},
        "f:name": {},
        "f:ports": {'k:{"containerPort":8,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
    }


def test_the_status_is_applied_for_itself(server: ApiServerInThread, name: str) -> None:
    path = f"{THINGS}/{name}"
    assert applied(server, f"{path}/status", thing(name, status={"phase": "A"}), "one")[0] == 404
    applied(server, path, thing(name, spec={"image": "i"}, status={"phase": "A"}), "one")
    status, answer = applied(server, f"{path}/status", thing(name, status={"phase": "A"}), "one")
    assert (status, answer["status"]) == (200, {"phase": "A"})
    assert owned(answer) == {
        "one Apply": {"f:spec": {"f:image": {}}},
        "one Apply status": {"f:status": {"f:phase": {}}},
    }
    status, answer = applied(server, f"{path}/status", thing(name, status={"phase": "B"}), "two")
    assert answer["message"].endswith('conflict with "one" with subresource "status": .status.phase')


def test_a_scale_is_applied_for_its_replicas(server: ApiServerInThread, name: str) -> None:
    path = f"{THINGS}/{name}"
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": name}, "spec": {"replicas": 3}}
    assert applied(server, f"{path}/scale", scale, "one")[0] == 404
    applied(server, path, thing(name, spec={"replicas": 2}), "one")
    assert applied(server, f"{path}/scale", thing(name), "two")[0] == 400
    status, answer = applied(server, f"{path}/scale", scale, "two")
    assert (status, answer["details"]["causes"][0]["field"]) == (409, ".spec.replicas")
    status, answer = applied(server, f"{path}/scale", scale, "two", "&force=true")
    assert (status, answer["kind"], answer["spec"]) == (200, "Scale", {"replicas": 3})
    assert owned(read(server, path)) == {"two Apply scale": {"f:spec": {"f:replicas": {}}}}
    server.request("PATCH", f"{path}/scale?fieldManager=scaler", {"spec": {"replicas": 4}}, MERGE)
    assert owned(read(server, path)) == {"scaler Update scale": {"f:spec": {"f:replicas": {}}}}


def test_defaults_belong_to_who_creates_but_not_to_who_applies(server: ApiServerInThread, name: str) -> None:
    made = created(server, f"{THINGS}?fieldManager=one", thing(f"{name}-made", spec={"image": "i"}))
    assert owned(made) == {"one Update": {"f:spec": {".": {}, "f:image": {}, "f:replicas": {}}}}
    _, answer = applied(server, f"{THINGS}/{name}", thing(name, spec={"image": "i"}), "one")
    assert answer["spec"]["replicas"] == 1
    assert owned(answer) == {"one Apply": {"f:spec": {"f:image": {}}}}


def test_an_apply_of_nothing_owns_nothing(server: ApiServerInThread, name: str) -> None:
    status, answer = applied(server, f"{THINGS}/{name}", thing(name), "one")
    assert (status, owned(answer)) == (201, {})


def test_a_pod_is_owned_as_on_every_cluster(server: ApiServerInThread, name: str) -> None:
    """What kube-apiserver defaults belongs to who creates a pod; what admission adds belongs to nobody."""
    made = created(server, f"{PODS}?fieldManager=one", pod(name) | {"metadata": {"name": name, "labels": {"a": "b"}}})
    main = {
        name: {}
        for name in (
            ".", "f:command", "f:image", "f:imagePullPolicy", "f:name", "f:resources", "f:terminationMessagePath",
            "f:terminationMessagePolicy",
        )
    }  # fmt: skip
    spec = {
        name: {}
        for name in (
            "f:dnsPolicy", "f:enableServiceLinks", "f:restartPolicy", "f:schedulerName", "f:securityContext",
            "f:terminationGracePeriodSeconds",
        )
    }  # fmt: skip
    assert owned(made) == {
        "one Update": {
            "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
            "f:spec": {"f:containers": {'k:{"name":"main"}': main}, **spec},
        }
    }
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}}
    status, answer = server.request("PATCH", f"{PODS}/{name}/status?fieldManager=kubelet", ready, STRATEGIC)
    assert status == 200
    assert set(owned(answer)["kubelet Update status"]) == {"f:status"}


def test_managed_fields_name_the_writer_of_each_field(server: ApiServerInThread, name: str) -> None:
    created(server, f"{CONFIG_MAPS}?fieldManager=maker", config_map(name, {"x": "1", "y": "1"}))
    server.request("PATCH", f"{CONFIG_MAPS}/{name}?fieldManager=changer", {"data": {"y": "2"}}, MERGE)
    assert owned(read(server, f"{CONFIG_MAPS}/{name}")) == {
        "maker Update": {"f:data": {".": {}, "f:x": {}}},
        "changer Update": {"f:data": {"f:y": {}}},
    }
    server.request("PATCH", f"{CONFIG_MAPS}/{name}", {"data": {"y": None}}, MERGE)
    assert owned(read(server, f"{CONFIG_MAPS}/{name}")) == {"maker Update": {"f:data": {".": {}, "f:x": {}}}}


@pytest.mark.parametrize("reset", [[], [{}]])
def test_managed_fields_can_be_cleared(server: ApiServerInThread, name: str, reset: list[Any]) -> None:
    created(server, f"{CONFIG_MAPS}?fieldManager=maker", config_map(name, {"x": "1"}))
    patch = {"metadata": {"managedFields": reset}}
    status, answer = server.request("PATCH", f"{CONFIG_MAPS}/{name}", patch, MERGE)
    assert (status, owned(answer)) == (200, {})
    status, answer = applied(server, f"{CONFIG_MAPS}/{name}", with_data(name, x="2"), "one")
    assert answer["message"].endswith('conflict with "before-first-apply" using v1: .data.x')


def test_managed_fields_can_be_handed_over(server: ApiServerInThread, name: str) -> None:
    """As kubectl does when an object that it applied itself is applied by the server from then on."""
    made = created(server, f"{CONFIG_MAPS}?fieldManager=kubectl-client-side-apply", config_map(name, {"x": "1"}))
    (entry,) = made["metadata"]["managedFields"]
    patch = [{"op": "replace", "path": "/metadata/managedFields", "value": [{**entry, "operation": "Apply"}]}]
    status, answer = server.request("PATCH", f"{CONFIG_MAPS}/{name}", patch, "application/json-patch+json")
    assert (status, owned(answer)) == (200, {"kubectl-client-side-apply Apply": entry["fieldsV1"]})


def test_managed_fields_of_a_subresource_are_not_taken(server: ApiServerInThread, name: str) -> None:
    created(server, f"{THINGS}?fieldManager=maker", thing(name, spec={"image": "i"}))
    patch = {"metadata": {"managedFields": []}, "status": {"phase": "A"}}
    _, answer = server.request("PATCH", f"{THINGS}/{name}/status?fieldManager=one", patch, MERGE)
    assert set(owned(answer)) == {"maker Update", "one Update status"}
    assert owned(answer)["one Update status"] == {"f:status": {".": {}, "f:phase": {}}}


def test_kubectl_takes_over_what_it_applied_itself(server: ApiServerInThread, name: str) -> None:
    before = with_data(name, x="1", y="1")
    annotated = {**before, "metadata": {"name": name, "annotations": {LAST_APPLIED: json.dumps(before)}}}
    created(server, f"{CONFIG_MAPS}?fieldManager=kubectl-client-side-apply", annotated)
    path = f"{CONFIG_MAPS}/{name}"
    assert applied(server, path, with_data(name, x="2"), "other")[0] == 409
    status, answer = applied(server, path, with_data(name, x="2"), "kubectl")
    assert (status, answer["data"]) == (200, {"x": "2", "y": "1"})
    assert json.loads(answer["metadata"]["annotations"][LAST_APPLIED]) == with_data(name, x="2")
    server.request("PATCH", f"{path}?fieldManager=edit", {"data": {"x": "3"}}, MERGE)
    status, answer = applied(server, path, with_data(name, x="4"), "kubectl")
    assert (status, answer["details"]["causes"][0]["message"]) == (409, 'conflict with "edit" using v1')


def test_both_forms_of_an_event_have_the_same_owners(server: ApiServerInThread, name: str) -> None:
    event = {
        "metadata": {"name": name},
        "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
        "note": "text",
        "reason": "R",
        "action": "A",
        "type": "Normal",
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "c",
        "reportingInstance": "i",
    }
    new, old = "/apis/events.k8s.io/v1/namespaces/default/events", "/api/v1/namespaces/default/events"
    made = created(server, f"{new}?fieldManager=one", event)
    assert {"f:note", "f:regarding", "f:reportingController"} <= set(owned(made)["one Update"])
    server.request("PATCH", f"{old}/{name}?fieldManager=two", {"message": "other"}, MERGE)
    fields = owned(read(server, f"{new}/{name}"))
    assert fields["two Update"] == {"f:message": {}}
    assert "f:note" not in fields["one Update"]


@pytest.mark.parametrize(
    ("path", "media", "patch", "code", "causes"),
    [
        ("", MERGE, {"kind": "Other"}, 422, None),
        ("", MERGE, {"apiVersion": "test.example.com/v9"}, 422, ["apiVersion"]),
        ("", MERGE, {"metadata": {"name": "other"}}, 400, None),
        ("", MERGE, {"metadata": {"name": None}}, 400, None),
        ("", MERGE, {"metadata": {"namespace": "other"}}, 400, None),
        ("", MERGE, {"metadata": {"resourceVersion": "1"}}, 409, None),
        ("", MERGE, {"metadata": {"labels": {"a": 1}}}, 422, ["patch"]),
        ("?fieldValidation=Strict", MERGE, {"spec": {"extra": 1}}, 422, ["patch"]),
        ("", MERGE, {"spec": {"image": 1}}, 422, ["spec.image"]),
        ("", "application/json-patch+json", [{"op": "remove", "path": "/spec/none"}], 422, None),
        ("", "application/json-patch+json", {}, 400, None),
        ("/status", MERGE, {"status": {"phase": 1}}, 422, ["status.phase"]),
        ("/scale", MERGE, [], 400, None),
        ("", STRATEGIC, {}, 415, None),
        ("?fieldManager=x", "application/apply-patch+cbor", {}, 415, None),
        ("?force=true", MERGE, {}, 422, ["force"]),
    ],
)
def test_patches_that_are_refused(
    server: ApiServerInThread, name: str, path: str, media: str, patch: Any, code: int, causes: list[str] | None
) -> None:
    before = created(server, THINGS, thing(name, spec={"image": "i"}))
    status, answer = server.request("PATCH", f"{THINGS}/{name}{path}", patch, media)
    assert (status, answer["code"]) == (code, code), answer
    if causes:
        assert [cause["field"] for cause in answer["details"]["causes"]] == causes
    assert read(server, f"{THINGS}/{name}") == before


def test_whether_there_is_an_object_is_looked_up_before_the_patch_is_looked_at(server: ApiServerInThread) -> None:
    for media, patch in ((MERGE, []), (STRATEGIC, 1), ("application/json-patch+json", {})):
        assert server.request("PATCH", f"{CONFIG_MAPS}/missing", patch, media)[0] == 404


def test_a_patch_that_does_not_apply_is_told_without_details(server: ApiServerInThread, name: str) -> None:
    created(server, CONFIG_MAPS, config_map(name))
    patch = [{"op": "test", "path": "/data/k", "value": "other"}]
    status, answer = server.request("PATCH", f"{CONFIG_MAPS}/{name}", patch, "application/json-patch+json")
    assert status == 422
    assert answer == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server rejected our request due to an error in our request",
        "reason": "Invalid",
        "details": {},
        "code": 422,
    }


@pytest.mark.parametrize(
    ("media", "patch"),
    [(MERGE, {}), (STRATEGIC, {}), ("application/json-patch+json", []), (MERGE, {"data": {"k": "v"}})],
)
def test_a_patch_that_changes_nothing_keeps_the_version(
    server: ApiServerInThread, name: str, media: str, patch: Any
) -> None:
    before = created(server, CONFIG_MAPS, config_map(name, {"k": "v"}))
    assert server.request("PATCH", f"{CONFIG_MAPS}/{name}?fieldManager=other", patch, media) == (200, before)
