"""The chart's pods pass the restricted Pod Security Standard of every supported Kubernetes."""

from __future__ import annotations

from typing import Any

import pytest
from chart import JSON, render
from pod_security import VERSIONS, violations

VALUES: dict[str, JSON] = {
    "defaults": {},
    "two operators": {"replicas": 2},
    "in namespaces": {"watchNamespaces": ["team-a"]},
    "all options": {
        "networkPolicy": {"enabled": True},
        "monitoring": {"prometheusRule": {"enabled": True}, "dashboard": {"enabled": True}},
        "priorityClassName": "system-cluster-critical",
    },
}


def pods(values: JSON) -> list[Any]:
    """The templates of all that makes pods."""
    templates = [m["spec"]["template"] for m in render(values).manifests if "template" in m.get("spec", {})]
    assert templates
    return templates


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_it_is_restricted(values: JSON) -> None:
    for pod in pods(values):
        assert {v: violations(pod, "restricted", v) for v in VERSIONS} == {v: [] for v in VERSIONS}


def test_its_root_file_system_is_read_only() -> None:
    for pod in pods({}):
        for container in pod["spec"]["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_token_is_mounted_in_the_operators_pod_alone() -> None:
    rendered = render()
    assert rendered.one("ServiceAccount")["automountServiceAccountToken"] is False
    assert rendered.one("Deployment")["spec"]["template"]["spec"]["automountServiceAccountToken"] is True
