"""Every value of values.yaml changes what the chart makes, as it says there."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from chart import CHART, NAMESPACE, NOTHING, merged, nested, render
from chart_values import documented

POD = "Deployment:spec.template.spec"
CONTAINER = f"{POD}.containers.[operator]"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
DIGEST = "sha256:" + "ab" * 32
TWO = {"replicas": 2}
POLICY = {"networkPolicy": {"enabled": True}}
BUILDER = {"builder": {"image": "builder:1"}}


class Case(NamedTuple):
    """Set to `value`, what is at `where` is `expected`; with the default it is something else."""

    value: Any
    where: str
    expected: Any
    beside: dict[str, Any] = {}  # noqa: RUF012 - a named tuple's default


CASES: dict[str, Case | list[Case]] = {
    "store.uri": Case("gs://other/runs", "settings:store.uri", "gs://other/runs"),
    "store.secretName": Case("keys", "settings:store.secretName", "keys"),
    "store.endpoint": Case("https://minio:9000", "settings:store.endpoint", "https://minio:9000"),
    "store.region": Case("eu-1", "settings:store.region", "eu-1"),
    "store.pathStyle": Case(False, "settings:store.pathStyle", False),
    "store.caCertificate": Case(PEM, "settings:store.caCertificate", PEM),
    "image.registry": [
        Case("registry.example:5000", f"{CONTAINER}.image", "registry.example:5000/footplate/operator:0.1.0"),
        Case("registry.example:5000", "settings:runtimeImage", "registry.example:5000/footplate/runtime:0.1.0"),
        Case("", f"{CONTAINER}.image", "footplate/operator:0.1.0"),
    ],
    "image.repository": Case("mine/op", f"{CONTAINER}.image", "docker.io/mine/op:0.1.0"),
    "image.tag": Case("9.9", f"{CONTAINER}.image", "docker.io/footplate/operator:9.9"),
    "image.digest": Case(DIGEST, f"{CONTAINER}.image", f"docker.io/footplate/operator@{DIGEST}"),
    "image.pullPolicy": Case("Always", f"{CONTAINER}.imagePullPolicy", "Always"),
    "runtime.image.registry": Case("r.example", "settings:runtimeImage", "r.example/footplate/runtime:0.1.0"),
    "runtime.image.repository": Case("mine/rt", "settings:runtimeImage", "docker.io/mine/rt:0.1.0"),
    "runtime.image.tag": Case("9.9", "settings:runtimeImage", "docker.io/footplate/runtime:9.9"),
    "runtime.image.digest": Case(DIGEST, "settings:runtimeImage", f"docker.io/footplate/runtime@{DIGEST}"),
    "runtime.image.pullPolicy": Case("Never", "settings:runtimePullPolicy", "Never"),
    "runtime.resources.fetch": Case(
        {"limits": {"memory": "2Gi"}}, "settings:runtimeResources.fetch.limits", {"memory": "2Gi"}
    ),
    "runtime.resources.agent": Case(
        {"requests": {"cpu": "1"}}, "settings:runtimeResources.agent.requests", {"cpu": "1", "memory": "64Mi"}
    ),
    "runtime.runAsUser": [Case(1001, "settings:runAsUser", 1001), Case(None, "settings:runAsUser", None)],
    "imagePullSecrets": [
        Case([{"name": "one"}, {"name": "two"}], "settings:imagePullSecrets", ["one", "two"]),
        Case([{"name": "one"}], f"{POD}.imagePullSecrets", [{"name": "one"}]),
    ],
    "builder.image": Case("builder:1", "settings:builder", {"image": "builder:1"}),
    "builder.command": Case(["build", "-v"], "settings:builder.command", ["build", "-v"], BUILDER),
    "builder.env": Case({"A": "b"}, "settings:builder.env", {"A": "b"}, BUILDER),
    "builder.securityContext": Case({"runAsUser": 1}, "settings:builder.securityContext", {"runAsUser": 1}, BUILDER),
    "watchNamespaces": [
        Case(["a", "b"], "settings:namespaces", ["a", "b"]),
        Case(["a"], "Role:metadata.namespace", "a"),
        Case(["a"], "RoleBinding:subjects.0.namespace", NAMESPACE),
        Case(["a"], "ClusterRole", NOTHING),
        Case(["a"], "ClusterRoleBinding", NOTHING),
        Case(
            ["a", "b"],
            "NetworkPolicy:spec.egress.2.to.0.namespaceSelector.matchExpressions.0.values",
            ["a", "b"],
            POLICY,
        ),
    ],
    "settings": Case({"workers": 32}, "settings:workers", 32),
    "replicas": [
        Case(2, "Deployment:spec.replicas", 2),
        Case(0, "Deployment:spec.replicas", 0),
        Case(2, "PodDisruptionBudget:spec.maxUnavailable", 1),
    ],
    "crds.install": Case(False, "CustomResourceDefinition/trainingjobs.footplate.dev", NOTHING),
    "crds.keep": Case(False, "CustomResourceDefinition/trainingjobs.footplate.dev:metadata.annotations", NOTHING),
    "rbac.create": [
        Case(False, "ClusterRole", NOTHING),
        Case(False, "ClusterRoleBinding", NOTHING),
        Case(False, "Role/footplate-operator-lease", NOTHING),
        Case(False, "Role", NOTHING, {"watchNamespaces": ["a"]}),
    ],
    "rbac.userRoles": [Case(False, f"ClusterRole/footplate-{role}", NOTHING) for role in ("admin", "edit", "view")],
    "rbac.aggregateUserRoles": [
        Case(
            False,
            f"ClusterRole/footplate-{role}:metadata.labels.rbac~authorization~k8s~io/aggregate-to-{role}",
            NOTHING,
        )
        for role in ("admin", "edit", "view")
    ],
    "serviceAccount.create": Case(False, "ServiceAccount/mine", NOTHING, {"serviceAccount": {"name": "mine"}}),
    "serviceAccount.name": [
        Case("mine", "ServiceAccount/mine:metadata.name", "mine"),
        Case("mine", f"{POD}.serviceAccountName", "mine"),
        Case("mine", "ClusterRoleBinding:subjects.0.name", "mine"),
        Case("mine", "RoleBinding/footplate-operator-lease:subjects.0.name", "mine"),
    ],
    "serviceAccount.annotations": Case({"a": "b"}, "ServiceAccount:metadata.annotations", {"a": "b"}),
    "resources": Case({"limits": {"cpu": "2"}}, f"{CONTAINER}.resources.limits", {"cpu": "2", "memory": "512Mi"}),
    "podDisruptionBudget.enabled": Case(False, "PodDisruptionBudget", NOTHING, TWO),
    "podDisruptionBudget.maxUnavailable": Case("50%", "PodDisruptionBudget:spec.maxUnavailable", "50%", TWO),
    "networkPolicy.enabled": Case(True, "NetworkPolicy:spec.policyTypes", ["Ingress", "Egress"]),
    "networkPolicy.ingressFrom": Case(
        [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
        "NetworkPolicy:spec.ingress",
        [
            {
                "ports": [{"protocol": "TCP", "port": "http"}],
                "from": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
            }
        ],
        POLICY,
    ),
    "networkPolicy.apiServer.cidrs": Case(
        ["10.0.0.1/32"], "NetworkPolicy:spec.egress.1.to", [{"ipBlock": {"cidr": "10.0.0.1/32"}}], POLICY
    ),
    "networkPolicy.apiServer.ports": Case(
        [16443], "NetworkPolicy:spec.egress.1.ports", [{"protocol": "TCP", "port": 16443}], POLICY
    ),
    "networkPolicy.extraEgress": Case(
        [{"ports": [{"port": 3128}]}], "NetworkPolicy:spec.egress.3", {"ports": [{"port": 3128}]}, POLICY
    ),
    "service.annotations": Case({"a": "b"}, "Service:metadata.annotations", {"a": "b"}),
    "commonLabels": [
        Case({"team": "ml"}, f"{kind}:metadata.labels.team", "ml")
        for kind in (
            *(
                "Deployment",
                "Service",
                "ServiceAccount",
                "ClusterRole",
                "ClusterRoleBinding",
                "ClusterRole/footplate-edit",
            ),
            *("ConfigMap/footplate-settings", "CustomResourceDefinition/datasets.footplate.dev"),
            *("Role/footplate-operator-lease", "RoleBinding/footplate-operator-lease"),
        )
    ]
    + [
        Case({"team": "ml"}, "PodDisruptionBudget:metadata.labels.team", "ml", TWO),
        Case({"team": "ml"}, "NetworkPolicy:metadata.labels.team", "ml", POLICY),
        Case({"team": "ml"}, "Deployment:spec.template.metadata.labels.team", "ml"),
    ],
    "podLabels": Case({"a": "b"}, "Deployment:spec.template.metadata.labels.a", "b"),
    "podAnnotations": Case({"a": "b"}, "Deployment:spec.template.metadata.annotations.a", "b"),
    "podSecurityContext": Case({"runAsUser": 1001}, f"{POD}.securityContext.runAsUser", 1001),
    "securityContext": Case({"runAsGroup": 1001}, f"{CONTAINER}.securityContext.runAsGroup", 1001),
    "priorityClassName": Case("high", f"{POD}.priorityClassName", "high"),
    "nodeSelector": Case({"a": "b"}, f"{POD}.nodeSelector", {"a": "b"}),
    "tolerations": Case([{"operator": "Exists"}], f"{POD}.tolerations", [{"operator": "Exists"}]),
    "affinity": Case({"podAntiAffinity": {}}, f"{POD}.affinity", {"podAntiAffinity": {}}),
    "topologySpreadConstraints": [
        Case([], f"{POD}.topologySpreadConstraints", NOTHING),
        Case(
            [{"topologyKey": "zone", "labelSelector": {"matchLabels": {"own": "1"}}}],
            f"{POD}.topologySpreadConstraints.0.labelSelector.matchLabels.own",
            "1",
        ),
    ],
    "livenessProbe": Case({"periodSeconds": 60}, f"{CONTAINER}.livenessProbe.periodSeconds", 60),
    "readinessProbe": Case({"initialDelaySeconds": 9}, f"{CONTAINER}.readinessProbe.initialDelaySeconds", 9),
    "terminationGracePeriodSeconds": Case(60, f"{POD}.terminationGracePeriodSeconds", 60),
    "extraArgs": Case(["--verbose"], f"{CONTAINER}.args", ["--verbose"]),
    "extraEnv": Case([{"name": "A", "value": "b"}], f"{CONTAINER}.env.[A].value", "b"),
    "extraVolumes": Case([{"name": "v", "emptyDir": {}}], f"{POD}.volumes.[v]", {"name": "v", "emptyDir": {}}),
    "extraVolumeMounts": Case(
        [{"name": "v", "mountPath": "/v"}], f"{CONTAINER}.volumeMounts.[v]", {"name": "v", "mountPath": "/v"}
    ),
}
LISTED = [(name, case) for name, cases in CASES.items() for case in (cases if isinstance(cases, list) else [cases])]


@pytest.mark.parametrize(("name", "case"), LISTED, ids=[f"{name}-{case.where}" for name, case in LISTED])
def test_a_value_changes_what_it_says(name: str, case: Case) -> None:
    assert render(merged(case.beside, nested(name, case.value))).at(case.where) == case.expected
    assert render(case.beside).at(case.where) != case.expected, "the default gives the same"


def test_no_value_is_left_out() -> None:
    """Those of `monitoring` are in test_monitoring.py."""
    values = [value for value in documented((CHART / "values.yaml").read_text()) if not value.section]
    assert {value.name for value in values if value.path[0] != "monitoring"} == set(CASES)
