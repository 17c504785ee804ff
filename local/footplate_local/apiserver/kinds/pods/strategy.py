"""What is special about Pods: how they are filled in, checked, selected, deleted and bound.

Sources: kubernetes pkg/registry/core/pod (strategy.go, storage/storage.go), pkg/apis/core/helper/qos,
pkg/apis/core/v1/conversion.go.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from footplate.quantity import parse_quantity
from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.errors import FieldError, bad_request, conflict
from footplate_local.apiserver.kinds.pods import admission as pod_admission
from footplate_local.apiserver.kinds.pods import defaults as pod_defaults
from footplate_local.apiserver.kinds.pods import validation as pod_validation
from footplate_local.apiserver.kinds.registry import Strategy
from footplate_local.apiserver.storage.model import Storage

JSON = dict[str, Any]
EVICTED: JSON = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "EvictionByEvictionAPI",
    "message": "Eviction API: evicting",
}
"""The condition of a pod that somebody evicts."""


class PodStrategy(Strategy):
    counts_generation = True

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        spec = obj["spec"]
        pod_defaults.apply(spec)
        if old is None:
            obj["status"] = _first_status(obj)
        else:
            status = obj.setdefault("status", {})
            status.setdefault("qosClass", old.get("status", {}).get("qosClass") or quality_of_service(spec))
            _one_address(status)

    def admit(self, obj: JSON, old: JSON | None, storage: Storage) -> None:
        if old is None:
            pod_admission.admit(obj, storage)
        else:
            pod_admission.keep(obj["spec"], old["spec"])

    def changed_by(self, subresource: str, old: JSON, new: JSON) -> JSON:
        part = "ephemeralContainers"
        if subresource != part.lower():
            return new
        spec = {key: value for key, value in old["spec"].items() if key != part}
        added = new["spec"].get(part)
        return {**new, "spec": copied({**spec, part: added} if added else spec)}

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        if old is None:
            return list(pod_validation.create_errors(obj))
        match subresource:
            case "status":
                return list(pod_validation.status_errors(obj, old))
            case "ephemeralcontainers":
                return list(pod_validation.ephemeral_errors(obj, old))
        return list(pod_validation.update_errors(obj, old))

    def field_values(self, obj: JSON) -> dict[str, str]:
        spec, status = obj.get("spec", {}), obj.get("status", {})
        return {
            "spec.nodeName": spec.get("nodeName", ""),
            "spec.restartPolicy": spec.get("restartPolicy", ""),
            "spec.schedulerName": spec.get("schedulerName", ""),
            "spec.serviceAccountName": spec.get("serviceAccountName", ""),
            "spec.hostNetwork": "true" if spec.get("hostNetwork") else "false",
            "status.phase": status.get("phase", ""),
            "status.podIP": status.get("podIP", ""),
            "status.podIPs": "",  # known as a label of fields, never filled in
            "status.nominatedNodeName": status.get("nominatedNodeName", ""),
        }


def _first_status(pod: JSON) -> JSON:
    status: JSON = {"phase": "Pending", "qosClass": quality_of_service(pod["spec"])}
    if pod["spec"].get("schedulingGates"):
        gated = "Scheduling is blocked due to non-empty scheduling gates"
        condition = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": gated}
        times = {"lastProbeTime": None, "lastTransitionTime": None}
        status["conditions"] = [{**condition, **times}]
    return status


def _one_address(status: JSON) -> None:
    """podIP is the first of podIPs; of two that differ, podIP counts."""
    address, several = status.get("podIP"), status.get("podIPs")
    if address and (not several or several[0].get("ip") != address):
        status["podIPs"] = [{"ip": address}]
    elif several and several[0].get("ip"):
        status["podIP"] = several[0]["ip"]


def quality_of_service(spec: JSON) -> str:
    """Guaranteed, Burstable or BestEffort (ComputePodQOS)."""
    total: dict[str, dict[str, Decimal]] = {"requests": defaultdict(Decimal), "limits": defaultdict(Decimal)}
    all_limited = True
    asking = [{"resources": spec["resources"]}] if "resources" in spec else _lasting(spec)
    for container in asking:
        resources = container.get("resources") or {}
        for part, amounts in total.items():
            for name in ("cpu", "memory"):
                amount = parse_quantity((resources.get(part) or {}).get(name, "0"))
                if amount > 0:
                    amounts[name] += amount
                elif part == "limits":
                    all_limited = False
    if not total["requests"] and not total["limits"]:
        return "BestEffort"
    return "Guaranteed" if all_limited and total["requests"] == total["limits"] else "Burstable"


def _lasting(spec: JSON) -> list[JSON]:
    return [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]


def grace_seconds(pod: JSON, asked: int | None) -> int:
    """How long a deleted pod may take to end; 0 when it goes at once (Kubernetes: Termination of Pods)."""
    spec, status = pod["spec"], pod.get("status", {})
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    grace = asked if asked is not None else spec.get("terminationGracePeriodSeconds", pod_defaults.GRACE_SECONDS)
    return int(grace) if grace >= 0 else 1


def bind(pod: JSON, binding: JSON, now: str) -> None:
    """Carry out a Binding on a pod: the node it shall run on. Raises 400 and 409 StatusErrors."""
    asked, target = binding.get("metadata") or {}, binding.get("target") or {}
    meta, spec = pod["metadata"], pod["spec"]
    name, node = meta["name"], target.get("name")
    if asked.get("name", "") != name:
        raise bad_request("name in URL does not match name in Binding object")
    if target.get("kind", "Node") not in ("Node", ""):
        raise bad_request(f'target.kind: Unsupported value: "{target["kind"]}": supported values: "Node", "<empty>"')
    if not node:
        raise bad_request("target.name: Required value")
    for what, field in (("UID", "uid"), ("ResourceVersion", "resourceVersion")):
        if asked.get(field) and asked[field] != meta[field]:
            text = f"{what} in precondition: {asked[field]}, {what} in object meta: {meta[field]}"
            raise conflict("", "pods", name, f"Precondition failed: {text}")
    if meta.get("deletionTimestamp"):
        raise conflict("", "pods/binding", name, f"pod {name} is being deleted, cannot be assigned to a host")
    if spec.get("nodeName"):
        raise conflict("", "pods/binding", name, f'pod {name} is already assigned to node "{spec["nodeName"]}"')
    if spec.get("schedulingGates"):
        raise conflict("", "pods/binding", name, f"pod {name} has non-empty .spec.schedulingGates")
    spec["nodeName"] = node
    if asked.get("annotations"):
        meta["annotations"] = {**meta.get("annotations", {}), **asked["annotations"]}
    set_condition(pod, {"type": "PodScheduled", "status": "True"}, now)


def set_condition(pod: JSON, condition: JSON, now: str) -> None:
    """Set a condition of a pod's status for its generation, in the place of one of its type (UpdatePodCondition)."""
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    new = {**condition, "observedGeneration": pod["metadata"].get("generation", 0), "lastProbeTime": None}
    for index, old in enumerate(conditions):
        if old["type"] == condition["type"]:
            changed = old["status"] != condition["status"]
            conditions[index] = {**new, "lastTransitionTime": now if changed else old.get("lastTransitionTime")}
            return
    conditions.append({**new, "lastTransitionTime": now})
