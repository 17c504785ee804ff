"""Every pod that the operator makes passes the restricted Pod Security Standard of every supported Kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pod_security import VERSIONS, violations

MANIFESTS = Path(__file__).parent / "manifests"
PODS = [
    pytest.param(manifest, id=f"{path.stem}-{manifest['metadata']['name']}")
    for path in sorted(MANIFESTS.glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
    if manifest["kind"] == "Pod"
]


@pytest.mark.parametrize("pod", PODS)
def test_it_is_restricted(pod: dict[str, Any]) -> None:
    assert {version: violations(pod, "restricted", version) for version in VERSIONS} == {v: [] for v in VERSIONS}


@pytest.mark.parametrize("pod", PODS)
def test_no_container_has_a_token_of_the_cluster(pod: dict[str, Any]) -> None:
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod["spec"]


@pytest.mark.parametrize("pod", PODS)
def test_our_own_containers_write_to_volumes_alone(pod: dict[str, Any]) -> None:
    containers = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    ours = [c for c in containers if c["image"].startswith("footplate/runtime")]
    assert ours
    assert [c["name"] for c in ours if not c["securityContext"]["readOnlyRootFilesystem"]] == []
