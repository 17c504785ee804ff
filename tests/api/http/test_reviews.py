"""Who may do what: reviews are answered, and refused when they ask nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api_server import ApiServerInThread

ACCESS = "/apis/authorization.k8s.io/v1"
WHO = "/apis/authentication.k8s.io/v1"
PODS = {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default"}}
NONE = "exactly one of nonResourceAttributes or resourceAttributes must be specified"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    server = ApiServerInThread(tmp_path_factory.mktemp("cluster"))
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("path", "spec", "status"),
    [
        (f"{ACCESS}/selfsubjectaccessreviews", PODS, {"allowed": True}),
        (
            f"{ACCESS}/selfsubjectaccessreviews",
            {"nonResourceAttributes": {"path": "/metrics", "verb": "get"}},
            {"allowed": True},
        ),
        (f"{ACCESS}/subjectaccessreviews", {**PODS, "user": "footplate"}, {"allowed": True}),
        (f"{ACCESS}/subjectaccessreviews", {**PODS, "groups": ["system:masters"]}, {"allowed": True}),
        (f"{ACCESS}/subjectaccessreviews", {**PODS, "user": "jane", "groups": ["dev"]}, {"allowed": False}),
        (f"{ACCESS}/namespaces/default/localsubjectaccessreviews", {**PODS, "user": "jane"}, {"allowed": False}),
        (f"{WHO}/tokenreviews", {"token": "wrong"}, {"user": {}, "error": "invalid bearer token"}),
    ],
)
def test_answers(server: ApiServerInThread, path: str, spec: dict[str, Any], status: dict[str, Any]) -> None:
    body: dict[str, Any] = {"spec": spec}
    if "localsubject" in path:
        body["metadata"] = {"namespace": "default"}
    code, answer = server.request("POST", path, body)
    assert (code, answer["spec"], answer["status"]) == (201, spec, status)
    assert answer["apiVersion"] in ("authorization.k8s.io/v1", "authentication.k8s.io/v1")


def test_whose_token_it_is(server: ApiServerInThread) -> None:
    answer = server.request("POST", f"{WHO}/tokenreviews", {"spec": {"token": server.token}})[1]
    mine = server.request("POST", f"{WHO}/selfsubjectreviews", {})[1]
    assert answer["status"]["authenticated"] is True
    assert answer["status"]["user"] == mine["status"]["userInfo"]
    assert mine["status"]["userInfo"]["username"] == "footplate"
    assert mine["metadata"].keys() == {"creationTimestamp"}


def test_the_rules_of_a_namespace(server: ApiServerInThread) -> None:
    answer = server.request("POST", f"{ACCESS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}})[1]
    assert answer["status"]["resourceRules"] == [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
    assert answer["status"]["incomplete"] is False


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("selfsubjectaccessreviews", {}, {"spec.resourceAttributes": f"Invalid value: null: {NONE}"}),
        (
            "subjectaccessreviews",
            {"spec": PODS},
            {"spec.user": 'Invalid value: "": at least one of user or group must be specified'},
        ),
        (
            "selfsubjectaccessreviews",
            {"spec": {**PODS, "nonResourceAttributes": {"path": "/x"}}},
            {
                "spec.nonResourceAttributes": (
                    'Invalid value: {"path":"/x"}: cannot be specified in combination with resourceAttributes'
                )
            },
        ),
        (
            "selfsubjectaccessreviews",
            {"metadata": {"name": "n"}, "spec": PODS},
            {"metadata": 'Invalid value: {"name":"n"}: must be empty'},
        ),
        (
            "namespaces/other/localsubjectaccessreviews",
            {"metadata": {"namespace": "other"}, "spec": {**PODS, "user": "u"}},
            {"spec.resourceAttributes.namespace": 'Invalid value: "default": must match metadata.namespace'},
        ),
    ],
)
def test_what_is_invalid(server: ApiServerInThread, path: str, body: dict[str, Any], fields: dict[str, str]) -> None:
    code, answer = server.request("POST", f"{ACCESS}/{path}", body)
    assert (code, answer["reason"], answer["details"]["group"]) == (422, "Invalid", "authorization.k8s.io")
    assert {cause["field"]: cause["message"] for cause in answer["details"]["causes"]} == fields
    assert answer["message"].startswith('.authorization.k8s.io "" is invalid: ')


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("POST", f"{ACCESS}/selfsubjectrulesreviews", {}, 400, "no namespace on request"),
        ("POST", f"{WHO}/tokenreviews", {"spec": {}}, 400, "token is required"),
        ("POST", f"{ACCESS}/subjectaccessreviews", {"kind": "Pod", "apiVersion": "v1"}, 400, "cannot be handled as a"),
        ("POST", f"{ACCESS}/subjectaccessreviews", {"spec": {"user": 1}}, 400, "cannot unmarshal number"),
        ("GET", f"{ACCESS}/subjectaccessreviews", None, 405, "does not allow this method"),
        ("POST", f"{ACCESS}/nothings", {}, 404, ""),
        ("POST", f"{ACCESS}/localsubjectaccessreviews", {}, 404, ""),
        (
            "POST",
            f"{ACCESS}/namespaces/default/localsubjectaccessreviews",
            {"spec": {"user": "u", "resourceAttributes": {"verb": "get"}}},
            400,
            "must match namespace: default",
        ),
    ],
)
def test_what_is_refused(server: ApiServerInThread, method: str, path: str, body: Any, status: int, text: str) -> None:
    code, answer = server.request(method, path, body)
    assert code == status
    assert text in answer["message"]
