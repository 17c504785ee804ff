"""What a pod is given where its author says nothing: of pods and of the templates of workloads.

Source: kubernetes pkg/apis/core/v1/defaults.go and zz_generated.defaults.go.
"""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]
GRACE_SECONDS = 30
_FILE_MODE = 0o644
_TOKEN_SECONDS = 60 * 60
_PROBE: JSON = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_VOLUMES: dict[str, JSON] = {
    "secret": {"defaultMode": _FILE_MODE},
    "configMap": {"defaultMode": _FILE_MODE},
    "downwardAPI": {"defaultMode": _FILE_MODE},
    "projected": {"defaultMode": _FILE_MODE},
    "hostPath": {"type": ""},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}


def containers(spec: JSON) -> list[JSON]:
    """All containers of a pod's spec: initial ones, main ones, ephemeral ones."""
    parts = ("initContainers", "containers", "ephemeralContainers")
    return [container for part in parts for container in spec.get(part) or ()]


def apply(spec: JSON, *, template: bool = False) -> None:
    """Fill in a pod's spec. In the template of a workload, resources and the ports of a host network stay open."""
    _fill(
        spec,
        {
            "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst",
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": {},
            "schedulerName": "default-scheduler",
        },
    )
    if not template:
        spec.setdefault("enableServiceLinks", True)
    if spec.get("serviceAccountName") or spec.get("serviceAccount"):  # the old name is kept equal to the new one
        name = spec.get("serviceAccountName") or spec["serviceAccount"]
        spec["serviceAccountName"] = spec["serviceAccount"] = name
    for container in containers(spec):
        _container(container)
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        if not template:
            _requests(container["resources"])
            _host_ports(container, spec)
    if not template and "resources" in spec:
        _requests(spec["resources"])
    for volume in spec.get("volumes") or ():
        _volume(volume)


def _fill(place: JSON, values: JSON) -> None:
    for key, value in values.items():
        if place.get(key) in (None, ""):
            place[key] = dict(value) if isinstance(value, dict) else value


def _container(container: JSON) -> None:
    container.setdefault("resources", {})
    policy = _pull_policy(container.get("image", ""))
    message = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
    _fill(container, {**message, "imagePullPolicy": policy})
    for port in container.get("ports") or ():
        _fill(port, {"protocol": "TCP"})
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            _fill(reference, {"apiVersion": "v1"})
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            _fill(container[probe], _PROBE)
            _action(container[probe])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict):
            _action(hook)


def _action(handler: JSON) -> None:
    if "httpGet" in handler:
        _fill(handler["httpGet"], {"path": "/", "scheme": "HTTP"})
    if "grpc" in handler:
        handler["grpc"].setdefault("service", "")


def _pull_policy(image: str) -> str:
    """An image that may be another one tomorrow is pulled always."""
    name = image.rpartition("/")[2]
    latest = bool(name) and "@" not in name and name.partition(":")[2] in ("", "latest")
    return "Always" if latest else "IfNotPresent"


def _requests(resources: JSON) -> None:
    """What is limited and not requested is requested up to its limit."""
    for name, limit in (resources.get("limits") or {}).items():
        resources.setdefault("requests", {}).setdefault(name, limit)


def _host_ports(container: JSON, spec: JSON) -> None:
    """On the network of the host every port is one of the host."""
    if spec.get("hostNetwork"):
        for port in container.get("ports") or ():
            port.setdefault("hostPort", port["containerPort"])


def _volume(volume: JSON) -> None:
    if not volume.keys() - {"name"}:
        volume["emptyDir"] = {}
    for source, values in _VOLUMES.items():
        if source in volume:
            _fill(volume[source], values)
    for item in (volume.get("downwardAPI") or {}).get("items") or ():
        _downward(item)
    for source in (volume.get("projected") or {}).get("sources") or ():
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", _TOKEN_SECONDS)
        for item in (source.get("downwardAPI") or {}).get("items") or ():
            _downward(item)
    template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if template:
        template["spec"].setdefault("volumeMode", "Filesystem")


def _downward(item: JSON) -> None:
    if "fieldRef" in item:
        _fill(item["fieldRef"], {"apiVersion": "v1"})
