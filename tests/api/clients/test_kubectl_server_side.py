"""kubectl and server-side apply: going over to it, fighting over fields, and what else writes the same objects."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from kubectl_runner import Kubectl, cluster_with_kubectl

POD = """
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {a: "%s"}}
spec:
  containers:
  - {name: a, image: "i:%s", ports: [{containerPort: 80}], env: [{name: X, value: "1"}]}
  - {name: b, image: "i:1"}
"""
MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: m}
data: {%s}
"""


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    with cluster_with_kubectl(tmp_path_factory.mktemp("cluster")) as kubectl:
        yield kubectl


@pytest.fixture
def kubectl(everywhere: Kubectl, request: pytest.FixtureRequest) -> Kubectl:
    """kubectl in a namespace of the test's own."""
    return everywhere.in_namespace(request.node.name.replace("_", "-")[-40:].strip("-"))


def owners(kubectl: Kubectl, what: str) -> dict[str, str]:
    """Operation and fields of each manager."""
    meta = json.loads(kubectl("get", what, "-o", "json", "--show-managed-fields"))["metadata"]
    return {entry["manager"]: entry["operation"] for entry in meta.get("managedFields", [])}


def test_what_kubectl_applied_itself_it_applies_on_the_server(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=MAP % "a: '1', b: '1'")
    assert owners(kubectl, "cm/m") == {"kubectl-client-side-apply": "Update"}
    apply = ("apply", "--server-side", "-f", "-")
    assert kubectl(*apply, given=MAP % "a: '2'") == "configmap/m serverside-applied\n"
    assert json.loads(kubectl("get", "cm/m", "-o", "jsonpath={.data}")) == {"a": "2"}
    # kubectl keeps its annotation for those that still apply themselves, under a name of its own
    assert owners(kubectl, "cm/m") == {"kubectl": "Apply", "kubectl-last-applied": "Apply"}
    assert kubectl(*apply, given=MAP % "c: '3'") == "configmap/m serverside-applied\n"
    assert json.loads(kubectl("get", "cm/m", "-o", "jsonpath={.data}")) == {"c": "3"}


def test_who_edits_wins_until_somebody_forces(kubectl: Kubectl) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    kubectl(*apply, given=MAP % "a: '1', b: '1'")
    kubectl("patch", "cm/m", "--type=merge", "-p", '{"data": {"a": "2", "b": "2"}}')
    refused = kubectl.fails(*apply, given=MAP % "a: '1', b: '1'")
    assert refused.startswith(
        'error: Apply failed with 2 conflicts: conflicts with "kubectl-patch" using v1:\n- .data.a\n- .data.b\n'
    )
    assert kubectl(*apply, "--force-conflicts", given=MAP % "a: '1', b: '1'") == "configmap/m serverside-applied\n"
    assert owners(kubectl, "cm/m") == {"kubectl": "Apply"}


def test_a_pod_applied_by_two(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "-f", "-", given=POD % (1, 1))
    other = ("apply", "--server-side", "--field-manager=other", "-f", "-")
    refused = kubectl.fails(*other, given=POD % (1, 2))
    assert 'conflict with "kubectl": .spec.containers[name="a"].image\n' in refused
    assert kubectl(*other, "--force-conflicts", given=POD % (2, 2)) == "pod/p serverside-applied\n"
    images = kubectl("get", "pod/p", "-o", "jsonpath={.spec.containers[*].image}")
    assert (images, owners(kubectl, "pod/p")) == ("i:2 i:1", {"kubectl": "Apply", "other": "Apply"})


def test_what_a_server_side_apply_would_change(kubectl: Kubectl) -> None:
    diff = ("diff", "--server-side", "-f", "-")
    kubectl("apply", "--server-side", "-f", "-", given=MAP % "a: '1'")
    assert kubectl(*diff, given=MAP % "a: '1'") == ""
    code, shown, _ = kubectl.run(*diff, given=MAP % "a: '2'")
    assert code == 1
    assert {"-  a: \"1\"", "+  a: \"2\""} <= set(shown.splitlines())  # fmt: skip


def test_apply_by_kubectl_itself_after_an_apply_by_the_server(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "-f", "-", given=MAP % "a: '1'")
    kubectl("apply", "-f", "-", given=MAP % "a: '1', b: '1'")
    assert owners(kubectl, "cm/m") == {"kubectl": "Apply", "kubectl-client-side-apply": "Update"}
    assert json.loads(kubectl("get", "cm/m", "-o", "jsonpath={.data}")) == {"a": "1", "b": "1"}
