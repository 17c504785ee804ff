"""All that the chart makes is what Kubernetes 1.29 to 1.34 take, to the last field."""

from __future__ import annotations

import json
from typing import Any

import kubernetes_validate
import pytest
from chart import render

VERSIONS = ("1.29", "1.30", "1.31", "1.32", "1.33", "1.34")
ALL_ON = {
    "replicas": 2,
    "imagePullSecrets": [{"name": "registry"}],
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/footplate"}},
    "networkPolicy": {
        "enabled": True,
        "ingressFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        "apiServer": {"cidrs": ["10.0.0.1/32"]},
        "extraEgress": [{"ports": [{"protocol": "TCP", "port": 3128}]}],
    },
    "service": {"annotations": {"prometheus.io/scrape": "true"}},
    "commonLabels": {"team": "ml"},
    "podLabels": {"a": "b"},
    "podAnnotations": {"a": "b"},
    "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "control", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
    "monitoring": {"dashboard": {"enabled": True}},
    "extraArgs": ["--verbose"],
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
}
SETS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "all on": ALL_ON,
    "namespaced": {**ALL_ON, "watchNamespaces": ["a", "b"], "podDisruptionBudget": {"maxUnavailable": "50%"}},
    "no election": {"settings": {"leaderElection": False}},
    "nothing extra": {
        "rbac": {"create": False, "userRoles": False},
        "crds": {"install": False},
        "serviceAccount": {"create": False, "name": "mine"},
        "resources": None,
        "podSecurityContext": None,
        "securityContext": None,
        "topologySpreadConstraints": None,
    },
}


def manifests() -> list[dict[str, Any]]:
    """Of all sets, each once; the definitions are shown to the embedded API server in test_release.py."""
    found = {json.dumps(item, sort_keys=True): item for values in SETS.values() for item in render(values).manifests}
    return [item for item in found.values() if item["kind"] != "CustomResourceDefinition"]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_it(version: str) -> None:
    for manifest in manifests():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_field_that_is_none_would_be_found() -> None:
    (deployment,) = render().of_kind("Deployment")
    wrong = json.loads(json.dumps(deployment))
    wrong["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePolicy"):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_without_rights_for_the_cluster_there_is_no_object_of_the_cluster() -> None:
    values = {"watchNamespaces": ["a"], "crds": {"install": False}, "rbac": {"userRoles": False}, "replicas": 2}
    assert all("namespace" in item["metadata"] for item in render(values).manifests)
