"""The check of Pod Security Standards finds what the standards forbid: a pod for every control."""

from __future__ import annotations

from typing import Any

import pytest
from pod_security import CONTROLS, violations

GOOD: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(
    context: dict[str, Any] | None = None,
    container: dict[str, Any] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A pod that passes, with its container's security context, its container or its spec changed."""
    first = {"name": "main", "image": "x", "securityContext": {**GOOD, **(context or {})}, **(container or {})}
    return {"metadata": {"name": "p", "annotations": annotations or {}}, "spec": {"containers": [first], **spec}}


PROBE = {"livenessProbe": {"httpGet": {"port": 80, "host": "10.0.0.1"}}}
HOOK = {"lifecycle": {"preStop": {"tcpSocket": {"port": 80, "host": "10.0.0.1"}}}}
ANNOTATION = {"container.apparmor.security.beta.kubernetes.io/main": "unconfined"}
BAD: list[tuple[str, dict[str, Any]]] = [
    ("windowsHostProcess", pod({"windowsOptions": {"hostProcess": True}})),
    ("windowsHostProcess", pod(securityContext={"windowsOptions": {"hostProcess": True}})),
    ("hostNamespaces", pod(hostNetwork=True)),
    ("hostNamespaces", pod(hostPID=True)),
    ("hostNamespaces", pod(hostIPC=True)),
    ("privileged", pod({"privileged": True})),
    ("capabilities_baseline", pod({"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}})),
    ("hostPathVolumes", pod(volumes=[{"name": "v", "hostPath": {"path": "/"}}])),
    ("hostPorts", pod(container={"ports": [{"containerPort": 80, "hostPort": 80}]})),
    ("hostProbesAndHostLifecycle", pod(container=PROBE)),
    ("hostProbesAndHostLifecycle", pod(container=HOOK)),
    ("appArmorProfile", pod({"appArmorProfile": {"type": "Unconfined"}})),
    ("appArmorProfile", pod(annotations=ANNOTATION)),
    ("seLinuxOptions", pod({"seLinuxOptions": {"type": "spc_t"}})),
    ("seLinuxOptions", pod(securityContext={"seLinuxOptions": {"user": "root"}})),
    ("procMount", pod({"procMount": "Unmasked"})),
    ("seccompProfile_baseline", pod(securityContext={"seccompProfile": {"type": "Unconfined"}})),
    ("sysctls", pod(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]})),
    ("restrictedVolumes", pod(volumes=[{"name": "v", "nfs": {"server": "s", "path": "/"}}])),
    ("allowPrivilegeEscalation", pod({"allowPrivilegeEscalation": None})),
    ("runAsNonRoot", pod({"runAsNonRoot": False})),
    ("runAsUser", pod({"runAsUser": 0})),
    ("runAsUser", pod(securityContext={"runAsUser": 0})),
    ("seccompProfile_restricted", pod({"seccompProfile": None})),
    ("capabilities_restricted", pod({"capabilities": {"drop": ["KILL"]}})),
    ("capabilities_restricted", pod({"capabilities": {"drop": ["ALL"], "add": ["KILL"]}})),
]


def violated(body: dict[str, Any], version: str = "1.34") -> set[str]:
    return {said.partition(":")[0] for said in violations(body, "restricted", version)}


@pytest.mark.parametrize(("control", "body"), BAD)
def test_it_is_found(control: str, body: dict[str, Any]) -> None:
    assert control in violated(body)


def test_every_control_has_a_pod() -> None:
    assert {control for control, _ in BAD} == set(CONTROLS)


def test_a_good_pod_is_let_through() -> None:
    assert violated(pod()) == set()


def test_init_and_ephemeral_containers_count() -> None:
    bad = {"name": "other", "image": "x"}
    for group in ("initContainers", "ephemeralContainers"):
        assert violated(pod(**{group: [bad]})) >= {"runAsNonRoot", "capabilities_restricted"}


def test_the_pod_speaks_for_a_container_that_says_nothing() -> None:
    silent = pod({"runAsNonRoot": True, "seccompProfile": None})
    del silent["spec"]["containers"][0]["securityContext"]["runAsNonRoot"]
    silent["spec"]["securityContext"] = {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost"}}
    assert violated(silent) == set()


def test_baseline_asks_less() -> None:
    plain = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "x"}]}}
    assert violations(plain, "baseline", "1.34") == []
    assert violated(plain) == {
        "allowPrivilegeEscalation",
        "capabilities_restricted",
        "runAsNonRoot",
        "seccompProfile_restricted",
    }


@pytest.mark.parametrize(
    ("body", "control", "since"),
    [
        (pod(container=PROBE), "hostProbesAndHostLifecycle", "1.34"),
    ],
)
def test_a_control_counts_from_its_version_on(body: dict[str, Any], control: str, since: str) -> None:
    assert control not in violated(body, "1.33")
    assert control in violated(body, since)


@pytest.mark.parametrize(
    ("body", "control", "until"),
    [
        (pod({"seLinuxOptions": {"type": "container_engine_t"}}), "seLinuxOptions", "1.30"),
        (pod(securityContext={"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}]}), "sysctls", "1.31"),
    ],
)
def test_a_value_is_allowed_from_its_version_on(body: dict[str, Any], control: str, until: str) -> None:
    assert control in violated(body, until)
    assert control not in violated(body, "1.32")
