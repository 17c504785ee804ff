"""What is special about Pods: defaults, checks, what may change, how they are deleted and bound.

Sources: Kubernetes API reference (Pod v1); pkg/apis/core/v1/defaults.go, pkg/apis/core/validation,
pkg/registry/core/pod.
"""

from __future__ import annotations

import copy
from typing import Any

from footplate_local.apiserver import names
from footplate_local.apiserver.errors import (
    FieldError,
    bad_request,
    conflict,
    field_forbidden,
    invalid_value,
    not_supported,
    required,
)
from footplate_local.apiserver.kinds.registry import Strategy

JSON = dict[str, Any]
DEFAULT_GRACE_SECONDS = 30
_POLICIES = ("Always", "OnFailure", "Never")
_SPEC_DEFAULTS: JSON = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": DEFAULT_GRACE_SECONDS,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
    "serviceAccountName": "default",
    "preemptionPolicy": "PreemptLowerPriority",
    "priority": 0,
}


class PodStrategy(Strategy):
    counts_generation = True

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        spec = obj.setdefault("spec", {})
        if not isinstance(spec, dict):
            raise bad_request("Pod.spec must be an object")
        for key, value in _SPEC_DEFAULTS.items():
            if spec.get(key) is None:
                spec[key] = copy.deepcopy(value)
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
        for container in _containers(obj):
            _default_container(container)
        for volume in spec.get("volumes") or ():
            _default_volume(volume)
        if old is None:
            obj["status"] = {"phase": "Pending", "qosClass": quality_of_service(obj)}
        else:
            obj.setdefault("status", {}).setdefault("qosClass", quality_of_service(obj))

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        if subresource == "status":
            return []
        if old is not None:
            return _changed_spec(obj["spec"], old["spec"])
        return _spec_errors(obj["spec"])

    def field_values(self, obj: JSON) -> dict[str, str]:
        spec, status = obj.get("spec", {}), obj.get("status", {})
        return {
            "spec.nodeName": spec.get("nodeName", ""),
            "spec.restartPolicy": spec.get("restartPolicy", ""),
            "spec.schedulerName": spec.get("schedulerName", ""),
            "spec.serviceAccountName": spec.get("serviceAccountName", ""),
            "status.phase": status.get("phase", ""),
            "status.podIP": status.get("podIP", ""),
            "status.nominatedNodeName": status.get("nominatedNodeName", ""),
        }


def _containers(pod: JSON) -> list[JSON]:
    spec = pod["spec"]
    found = []
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(part) or ():
            if not isinstance(container, dict):
                raise bad_request(f"Pod.spec.{part} must be a list of objects")
            found.append(container)
    return found


def _default_container(container: JSON) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    if "imagePullPolicy" not in container:
        image = str(container.get("image", ""))
        tag = image.rpartition("/")[2].partition(":")[2]
        latest = "@" not in image and tag in ("", "latest")
        container["imagePullPolicy"] = "Always" if latest else "IfNotPresent"
    resources = container["resources"]
    for name, limit in (resources.get("limits") or {}).items():
        resources.setdefault("requests", {}).setdefault(name, limit)
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")


def _default_volume(volume: JSON) -> None:
    for part in ("configMap", "secret", "downwardAPI", "projected"):
        if isinstance(volume.get(part), dict):
            volume[part].setdefault("defaultMode", 0o644)
    if isinstance(volume.get("hostPath"), dict):
        volume["hostPath"].setdefault("type", "")
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}


def quality_of_service(pod: JSON) -> str:
    """Guaranteed, Burstable or BestEffort (Kubernetes: Pod Quality of Service Classes)."""
    any_set, guaranteed = False, True
    for container in _containers(pod):
        resources = container.get("resources") or {}
        requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
        any_set = any_set or any(name in requests or name in limits for name in ("cpu", "memory"))
        for name in ("cpu", "memory"):
            if name not in limits or requests.get(name, limits[name]) != limits[name]:
                guaranteed = False
    if not any_set:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _spec_errors(spec: JSON) -> list[FieldError]:
    found: list[FieldError] = []
    if not spec.get("containers"):
        found.append(required("spec.containers"))
    seen: set[str] = set()
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            path = f"spec.{part}[{index}]"
            found += _container_errors(container, path, volumes)
            name = container.get("name")
            if name in seen:
                found.append(FieldError("FieldValueDuplicate", f"{path}.name", name))
            seen.add(name)
    if spec["restartPolicy"] not in _POLICIES:
        found.append(not_supported("spec.restartPolicy", spec["restartPolicy"], _POLICIES))
    for key in ("hostname", "subdomain"):
        if spec.get(key):
            found += [invalid_value(f"spec.{key}", spec[key], text) for text in names.dns_label(spec[key])]
    names_seen: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        name = volume.get("name")
        if not name:
            found.append(required(f"spec.volumes[{index}].name"))
        elif name in names_seen:
            found.append(FieldError("FieldValueDuplicate", f"spec.volumes[{index}].name", name))
        names_seen.add(name)
    return found


def _container_errors(container: JSON, path: str, volumes: set[Any]) -> list[FieldError]:
    found = []
    if not container.get("name"):
        found.append(required(f"{path}.name"))
    else:
        found += [invalid_value(f"{path}.name", container["name"], text) for text in names.dns_label(container["name"])]
    if not container.get("image"):
        found.append(required(f"{path}.image"))
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            where = f"{path}.volumeMounts[{index}]"
            found.append(FieldError("FieldValueNotFound", f"{where}.name", mount.get("name")))
        if not mount.get("mountPath"):
            found.append(required(f"{path}.volumeMounts[{index}].mountPath"))
    for index, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            found.append(required(f"{path}.env[{index}].name"))
        if not isinstance(variable.get("value", ""), str):
            raise bad_request(
                f"Pod.{path}.env[{index}].value must be a string, got {variable['value']!r}: write it in quotes"
            )
    return found


def _changed_spec(new: JSON, old: JSON) -> list[FieldError]:
    """What of a pod's spec may change: images, activeDeadlineSeconds, added tolerations, a shorter grace period."""

    def fixed(spec: JSON) -> JSON:
        kept = {
            key: value
            for key, value in spec.items()
            if key not in ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations")
        }
        for part in ("containers", "initContainers"):
            if part in kept:
                kept[part] = [{**container, "image": ""} for container in kept[part]]
        return kept

    if fixed(new) == fixed(old):
        return []
    return [
        field_forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
            "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
            "previously negative)",
        )
    ]


def grace_seconds(pod: JSON, asked: int | None) -> int:
    """How long a deleted pod may take to end; 0 when it goes at once (Kubernetes: Termination of Pods)."""
    spec, status = pod["spec"], pod.get("status", {})
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    grace = asked if asked is not None else spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
    return max(0, int(grace)) if grace >= 0 else 1


def bind(pod: JSON, binding: JSON, now: str) -> None:
    """Carry out a Binding on a pod: the node it shall run on. Raises 400 and 409 StatusErrors."""
    target = binding.get("target") or {}
    node = target.get("name")
    if not node:
        raise bad_request("binding.target.name is required")
    meta, spec = pod["metadata"], pod["spec"]
    if meta.get("deletionTimestamp"):
        raise conflict(
            "", "pods/binding", meta["name"], f"pod {meta['name']} is being deleted, cannot be assigned to a host"
        )
    if spec.get("nodeName"):
        raise conflict(
            "", "pods/binding", meta["name"], f'pod {meta["name"]} is already assigned to node "{spec["nodeName"]}"'
        )
    spec["nodeName"] = node
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    conditions[:] = [item for item in conditions if item.get("type") != "PodScheduled"]
    conditions.append({"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now})
