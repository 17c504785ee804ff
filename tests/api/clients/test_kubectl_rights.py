"""What kubectl asks about rights, and what it may do with the token of a service account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubectl_runner import Kubectl, cluster_with_kubectl

ROBOT = "system:serviceaccount:work:robot"


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """An account, made with kubectl, that may read the pods of its namespace."""
    with cluster_with_kubectl(tmp_path_factory.mktemp("cluster")) as everywhere:
        here = everywhere.in_namespace("work")
        here("create", "serviceaccount", "robot")
        here("create", "role", "reader", "--verb=get,list,watch", "--resource=pods")
        here("create", "rolebinding", "reader", "--role=reader", "--serviceaccount=work:robot")
        yield here


def test_a_token_of_an_account_is_who_it_is(kubectl: Kubectl) -> None:
    token = kubectl("create", "token", "robot").strip()
    mine = ("--kubeconfig=/dev/null", f"--server={kubectl.server.url}", f"--token={token}")
    trust = (f"--certificate-authority={kubectl.server.certificate}", "--namespace=work")
    assert kubectl(*mine, *trust, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}") == ROBOT
    assert kubectl(*mine, *trust, "get", "pods") == ""
    said = kubectl.fails(*mine, *trust, "get", "secrets")
    assert f'secrets is forbidden: User "{ROBOT}" cannot list resource "secrets" in API group ""' in said


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("get pods", "yes"),
        ("get pods --subresource=log", "no"),
        ("delete pods", "no"),
        ("list pods --all-namespaces", "no"),
        ("get secrets", "no"),
    ],
)
def test_can_an_account_do_it(kubectl: Kubectl, asked: str, answer: str) -> None:
    code, out, _ = kubectl.run("auth", "can-i", *asked.split(), "--as", ROBOT)
    assert (out.strip(), code) == (answer, 0 if answer == "yes" else 1)


def test_the_owner_may_do_everything(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "*", "*", "--all-namespaces").strip() == "yes"


def test_what_an_account_may_do_is_listed(kubectl: Kubectl) -> None:
    listed = kubectl("auth", "can-i", "--list", "--as", ROBOT)
    assert "[get list watch]" in next(line for line in listed.splitlines() if line.startswith("pods"))


def test_only_who_may_acts_as_somebody_else(kubectl: Kubectl) -> None:
    said = kubectl.fails("get", "nodes", "--as", "ada", "--as-group", "staff")
    assert 'nodes is forbidden: User "ada" cannot list resource "nodes" in API group "" at the cluster scope' in said
    token = kubectl("create", "token", "robot").strip()
    status, answer = kubectl.server.request(
        "GET", "/api/v1/pods", Authorization=f"Bearer {token}", **{"Impersonate-User": "footplate"}
    )
    said = f'users "footplate" is forbidden: User "{ROBOT}" cannot impersonate resource "users" in API group "" at the'
    assert (status, answer["message"]) == (403, f"{said} cluster scope")
