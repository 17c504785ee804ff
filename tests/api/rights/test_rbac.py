"""Who may do what, by the roles and bindings that are stored; refusals are told as kube-apiserver tells them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api_objects import created
from api_server import ApiServerInThread

from footplate_local.apiserver.rights.attributes import Attributes, attributes_of

ROLES = "/apis/rbac.authorization.k8s.io/v1"
OF_ALL = f"{ROLES}/clusterroles"
OF_SPACE = f"{ROLES}/namespaces/team/roles"
USER = "system:serviceaccount:team:robot"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    """The account `robot` of the namespace `team` may read pods everywhere and write ConfigMaps in `team`."""
    server = ApiServerInThread(tmp_path_factory.mktemp("cluster"))
    server.start()
    created(server, "/api/v1/namespaces", {"metadata": {"name": "team"}})
    created(server, "/api/v1/namespaces/team/serviceaccounts", {"metadata": {"name": "robot"}})
    created(server, "/api/v1/namespaces/team/configmaps", {"metadata": {"name": "mine"}})
    role(server, OF_ALL, "read", {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]})
    bind(server, "clusterrolebindings", "read", "ClusterRole", "read", SUBJECT)
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"], "verbs": ["*"]},
        {"apiGroups": ["footplate.dev"], "resources": ["*/status"], "verbs": ["update"]},
    ]
    role(server, OF_SPACE, "write", *rules)
    bind(server, "namespaces/team/rolebindings", "write", "Role", "write", SUBJECT)
    yield server
    server.stop()


SUBJECT = {"kind": "ServiceAccount", "name": "robot", "namespace": "team"}


def role(server: ApiServerInThread, path: str, name: str, *rules: Any) -> None:
    created(server, path, {"metadata": {"name": name}, "rules": list(rules)})


def bind(server: ApiServerInThread, plural: str, name: str, kind: str, of: str, subject: Any) -> None:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": of}
    created(server, f"{ROLES}/{plural}", {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})


def token(server: ApiServerInThread) -> str:
    answer = created(server, "/api/v1/namespaces/team/serviceaccounts/robot/token", {})
    return str(answer["status"]["token"])


def ask(server: ApiServerInThread, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    return server.request(method, path, body, Authorization=f"Bearer {token(server)}")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/pods", None, 200),
        ("GET", "/api/v1/namespaces/default/pods", None, 200),
        ("GET", "/api/v1/namespaces/default/pods/none", None, 404),
        ("GET", "/api/v1/pods?watch=true&timeoutSeconds=1", None, 200),
        ("POST", "/api/v1/namespaces/team/configmaps", {"metadata": {"name": "another"}}, 201),
        ("DELETE", "/api/v1/namespaces/team/configmaps/mine", None, 200),
        ("PUT", "/apis/footplate.dev/v1alpha1/namespaces/team/trainingjobs/x/status", {}, 404),
        ("GET", "/apis", None, 200),
        ("GET", "/version", None, 200),
        ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, 201),
    ],
)
def test_what_roles_allow(server: ApiServerInThread, method: str, path: str, body: Any, status: int) -> None:
    assert ask(server, method, path, body)[0] == status


@pytest.mark.parametrize(
    ("method", "path", "said", "details"),
    [
        (
            "GET",
            "/api/v1/secrets",
            f'secrets is forbidden: User "{USER}" cannot list resource "secrets" in API group "" at the cluster scope',
            {"kind": "secrets"},
        ),
        (
            "GET",
            "/api/v1/secrets?watch=1",
            f'secrets is forbidden: User "{USER}" cannot watch resource "secrets" in API group "" at the cluster scope',
            {"kind": "secrets"},
        ),
        (
            "GET",
            "/api/v1/namespaces/team/secrets/keys",
            f'secrets "keys" is forbidden: User "{USER}" cannot get resource "secrets" in API group "" in the '
            'namespace "team"',
            {"kind": "secrets", "name": "keys"},
        ),
        (
            "GET",
            "/api/v1/namespaces/team/pods/p/log",
            f'pods "p" is forbidden: User "{USER}" cannot get resource "pods/log" in API group "" in the namespace '
            '"team"',
            {"kind": "pods", "name": "p"},
        ),
        (
            "DELETE",
            "/api/v1/namespaces/team/configmaps",
            f'configmaps is forbidden: User "{USER}" cannot deletecollection resource "configmaps" in API group "" in '
            'the namespace "team"',
            {"kind": "configmaps"},
        ),
        (
            "DELETE",
            "/api/v1/namespaces/team/configmaps/others",
            f'configmaps "others" is forbidden: User "{USER}" cannot delete resource "configmaps" in API group "" in '
            'the namespace "team"',
            {"kind": "configmaps", "name": "others"},
        ),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/default/deployments/d",
            f'deployments.apps "d" is forbidden: User "{USER}" cannot patch resource "deployments" in API group "apps" '
            'in the namespace "default"',
            {"group": "apps", "kind": "deployments", "name": "d"},
        ),
        ("GET", "/metrics", f'forbidden: User "{USER}" cannot get path "/metrics"', {}),
    ],
)
def test_what_they_do_not_is_told_in_kubernetes_words(
    server: ApiServerInThread, method: str, path: str, said: str, details: dict[str, str]
) -> None:
    status, answer = ask(server, method, path)
    assert (status, answer["reason"], answer["message"], answer["details"]) == (403, "Forbidden", said, details)


def test_a_binding_to_a_role_that_is_not_there_allows_nothing(server: ApiServerInThread) -> None:
    bind(server, "clusterrolebindings", "nothing", "ClusterRole", "nowhere", SUBJECT)
    assert ask(server, "GET", "/api/v1/nodes")[0] == 403


def test_groups_have_rights_too(server: ApiServerInThread) -> None:
    role(server, OF_ALL, "nodes", {"apiGroups": ["*"], "resources": ["persistentvolumes"], "verbs": ["*"]})
    group = {"kind": "Group", "name": "system:serviceaccounts:team"}
    bind(server, "clusterrolebindings", "nodes", "ClusterRole", "nodes", group)
    assert ask(server, "GET", "/api/v1/persistentvolumes")[0] == 200


def test_reviews_answer_by_the_same_rules(server: ApiServerInThread) -> None:
    reviews = "/apis/authorization.k8s.io/v1"

    def allowed(verb: str, resource: str, kind: str, **who: Any) -> bool:
        spec = {"resourceAttributes": {"verb": verb, "resource": resource, "namespace": "team"}, **who}
        status, answer = (ask if not who else server.request)(*_post(server, who, f"{reviews}/{kind}", {"spec": spec}))
        assert status == 201, answer
        return bool(answer["status"]["allowed"])

    assert allowed("list", "pods", "selfsubjectaccessreviews")
    assert not allowed("delete", "pods", "selfsubjectaccessreviews")
    assert allowed("list", "pods", "subjectaccessreviews", user=USER)
    assert not allowed("delete", "pods", "subjectaccessreviews", user=USER)
    rules = ask(server, "POST", f"{reviews}/selfsubjectrulesreviews", {"spec": {"namespace": "team"}})[1]["status"]
    assert {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]} in rules["resourceRules"]
    me = ask(server, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})[1]["status"]["userInfo"]
    assert (me["username"], "system:serviceaccounts:team" in me["groups"]) == (USER, True)


def _post(server: ApiServerInThread, who: dict[str, Any], path: str, body: Any) -> tuple[Any, ...]:
    """The arguments of `ask`, which needs the server, or of the server's own method."""
    return ("POST", path, body) if who else (server, "POST", path, body)


@pytest.mark.parametrize(
    ("method", "path", "query", "watch", "asked"),
    [
        ("GET", "/api/v1/namespaces", {}, False, Attributes("list", "", "namespaces")),
        ("GET", "/api/v1/namespaces/a", {}, False, Attributes("get", "", "namespaces", "", "a", "a")),
        (
            "PUT",
            "/api/v1/namespaces/a/finalize",
            {},
            False,
            Attributes("update", "", "namespaces", "finalize", "a", "a"),
        ),
        ("GET", "/api/v1/watch/namespaces/a/pods", {}, False, Attributes("watch", "", "pods", "", "a")),
        (
            "GET",
            "/api/v1/namespaces/a/pods",
            {"fieldSelector": "metadata.name=x"},
            True,
            Attributes("watch", "", "pods", "", "a", "x"),
        ),
        ("HEAD", "/apis/apps/v1/deployments", {}, False, Attributes("list", "apps", "deployments")),
        ("POST", "/healthz/x", {}, False, Attributes("post", path="/healthz/x")),
        ("GET", "/apis/apps/v1", {}, False, Attributes("get", path="/apis/apps/v1")),
    ],
)
def test_what_a_request_asks(method: str, path: str, query: dict[str, str], watch: bool, asked: Attributes) -> None:
    assert attributes_of(method, path, query, watch=watch) == asked
