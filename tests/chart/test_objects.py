"""The objects of the chart fit together, and fit the operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chart import NAMESPACE, STORE, Rendered, loaded, merged, render

from footplate.__main__ import LEASE
from footplate.api.crd import DEFINITIONS
from footplate.constants import GROUP, LABEL_MANAGED_BY, MANAGED_BY, MANAGED_SELECTOR
from footplate.settings import Settings
from footplate_runtime import contract

ALL = {"replicas": 2, "networkPolicy": {"enabled": True}}
READ = {"get", "list", "watch"}
CHANGE = {"create", "update", "patch", "delete", "deletecollection"}
THEIRS = {definition.plural for definition in DEFINITIONS if definition.namespaced}
OF_CLUSTER = {definition.plural for definition in DEFINITIONS if not definition.namespaced}


@pytest.fixture(scope="module")
def chart() -> Rendered:
    return render(ALL)


@pytest.fixture(scope="module")
def pod(chart: Rendered) -> dict[str, Any]:
    found: dict[str, Any] = chart.at("Deployment:spec.template")
    return found


@pytest.fixture(scope="module")
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod["spec"]["containers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "where",
    [
        "Deployment:spec.selector.matchLabels",
        "Service:spec.selector",
        "PodDisruptionBudget:spec.selector.matchLabels",
        "NetworkPolicy:spec.podSelector.matchLabels",
        "Deployment:spec.template.spec.topologySpreadConstraints.0.labelSelector.matchLabels",
    ],
)
def test_what_selects_the_operator_does(chart: Rendered, pod: dict[str, Any], where: str) -> None:
    selector = chart.at(where)
    assert selector
    assert selector.items() <= pod["metadata"]["labels"].items()
    assert "helm.sh/chart" not in selector, "it would change with the version, and a Deployment's must not"


def test_the_operator_is_none_of_the_pods_that_it_watches(pod: dict[str, Any]) -> None:
    assert pod["metadata"]["labels"][LABEL_MANAGED_BY] != MANAGED_BY


def test_the_settings_are_where_the_operator_is_told_to_look(chart: Rendered, container: dict[str, Any]) -> None:
    (told,) = [item["value"] for item in container["env"] if item["name"] == "FOOTPLATE_CONFIG"]
    (mount,) = [item for item in container["volumeMounts"] if item["mountPath"] == str(Path(told).parent)]
    volume = chart.at(f"Deployment:spec.template.spec.volumes.[{mount['name']}].configMap.name")
    assert Path(told).name in chart.one("ConfigMap", volume)["data"]
    assert "subPath" not in mount, "the kubelet would never bring a change"


def test_the_port_is_the_one_that_is_served(chart: Rendered, container: dict[str, Any]) -> None:
    port = Settings(store={"uri": "s3://a"}).health_port  # a default that no value of the chart changes
    assert container["ports"] == [{"name": "http", "containerPort": port}]
    assert chart.at("Service:spec.ports") == [{"name": "http", "port": port, "targetPort": "http"}]
    assert {name: container[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")} == {
        "livenessProbe": {"path": "/healthz", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }


def test_the_operator_reaches_what_it_calls_and_nothing_else(chart: Rendered) -> None:
    names, server, agents = chart.at("NetworkPolicy:spec.egress")
    assert names == {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}
    assert server == {"ports": [{"protocol": "TCP", "port": port} for port in (443, 6443)]}
    label, _, value = MANAGED_SELECTOR.partition("=")
    assert agents == {
        "ports": [{"protocol": "TCP", "port": contract.AGENT_PORT}],
        "to": [{"podSelector": {"matchLabels": {label: value}}, "namespaceSelector": {}}],
    }


def test_only_the_lease_of_the_operator_can_be_written(chart: Rendered) -> None:
    first, second = chart.one("Role", "footplate-operator-lease")["rules"]
    assert (first["verbs"], "resourceNames" in first) == (["create"], False)
    assert second["resourceNames"] == [LEASE]


@pytest.mark.parametrize("values", [{}, {"watchNamespaces": ["a", "b"]}], ids=["of the cluster", "of two namespaces"])
def test_every_role_is_bound_to_the_operators_account(values: dict[str, Any]) -> None:
    chart = render(merged(values, {"serviceAccount": {"name": "mine"}}))
    account = [{"kind": "ServiceAccount", "name": "mine", "namespace": NAMESPACE}]
    roles, bindings = set(), set()
    for item in chart.manifests:
        kind, place = item["kind"], item["metadata"].get("namespace")
        if kind in ("ClusterRole", "Role") and item["metadata"]["name"].startswith("footplate-operator"):
            roles.add((kind, place, item["metadata"]["name"]))
        elif kind in ("ClusterRoleBinding", "RoleBinding"):
            assert item["subjects"] == account
            bindings.add((item["roleRef"]["kind"], place, item["roleRef"]["name"]))
    assert roles == bindings
    assert chart.at("Deployment:spec.template.spec.serviceAccountName") == "mine"


def test_rights_are_the_same_in_a_namespace_and_in_the_cluster() -> None:
    cluster = render().one("ClusterRole")["rules"]
    assert [role["rules"] for role in render({"watchNamespaces": ["a", "b"]}).of_kind("Role")][:2] == [cluster] * 2


def allowed(chart: Rendered, role: str) -> dict[str, set[str]]:
    """Verbs by resource."""
    found: dict[str, set[str]] = {}
    for rule in chart.one("ClusterRole", f"footplate-{role}")["rules"]:
        assert rule["apiGroups"] == [GROUP]
        for resource in rule["resources"]:
            found.setdefault(resource, set()).update(rule["verbs"])
    return found


@pytest.mark.parametrize(("role", "changes"), [("admin", CHANGE), ("edit", CHANGE), ("view", set())])
def test_what_users_may_do(chart: Rendered, role: str, changes: set[str]) -> None:
    rights = allowed(chart, role)
    assert {name: verbs for name, verbs in rights.items() if name in THEIRS} == dict.fromkeys(THEIRS, READ | changes)
    assert {name: rights[name] for name in OF_CLUSTER} == dict.fromkeys(OF_CLUSTER, READ), "pools are seen, not changed"
    of_status = {name: verbs for name, verbs in rights.items() if name.endswith("/status")}
    assert set(of_status) == {f"{name}/status" for name in THEIRS | OF_CLUSTER}
    assert set().union(*of_status.values()) <= READ, "the operator alone says how a job goes"
    labels = chart.one("ClusterRole", f"footplate-{role}")["metadata"]["labels"]
    assert [name for name in labels if "aggregate-to" in name] == [f"rbac.authorization.k8s.io/aggregate-to-{role}"], (
        "Kubernetes makes edit part of admin, and view of edit"
    )


def test_every_kind_has_its_definition_and_they_are_kept(chart: Rendered) -> None:
    definitions = chart.of_kind("CustomResourceDefinition")
    assert {item["metadata"]["name"] for item in definitions} == {f"{d.plural}.{GROUP}" for d in DEFINITIONS}
    assert {item["metadata"]["annotations"]["helm.sh/resource-policy"] for item in definitions} == {"keep"}


def test_rendered_again_it_is_the_same() -> None:
    """GitOps compares what is rendered with what is there: nothing may be random or of now."""
    values = merged(ALL, {"store": {"uri": STORE}})
    first, second = (loaded().render(values, name="footplate", namespace=NAMESPACE) for _ in range(2))
    assert first == second
