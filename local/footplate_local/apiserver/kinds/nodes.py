"""Namespaces, Nodes and Leases.

Sources: kubernetes pkg/registry/core/{namespace,node}, pkg/registry/coordination/lease, pkg/apis/core/validation,
pkg/apis/coordination/validation.
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import FieldError, field_forbidden, invalid_value
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.kinds.pods import resources as resource_validation
from footplate_local.apiserver.kinds.pods.scheduling import TAINT_EFFECTS
from footplate_local.apiserver.kinds.registry import Strategy
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
_KUBERNETES = "kubernetes"
_NAME_LABEL = "kubernetes.io/metadata.name"


class NamespaceStrategy(Strategy):
    def name_errors(self, name: str) -> list[str]:
        return names.dns_label(name)

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        obj["metadata"].setdefault("labels", {})[_NAME_LABEL] = obj["metadata"].get("name", "")
        if old is not None:
            obj["spec"] = old["spec"]
            return
        finalizers = obj["spec"].setdefault("finalizers", [])
        if _KUBERNETES not in finalizers:
            finalizers.append(_KUBERNETES)
        obj["status"] = {"phase": "Active"}

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        found: list[FieldError] = []
        for index, finalizer in enumerate(obj["spec"].get("finalizers") or ()):
            path = f"spec.finalizers[{index}]"
            problems = list(checks.by(names.label_key, finalizer, path))
            if not problems and "/" not in finalizer and finalizer not in (_KUBERNETES, "orphan", "foregroundDeletion"):
                text = "name is neither a standard finalizer name nor is it fully qualified"
                problems.append(invalid_value(path, finalizer, text))
            found += problems
        if subresource == "status":
            found += _phase_errors(obj)
        return found

    def field_values(self, obj: JSON) -> dict[str, str]:
        return {"status.phase": obj.get("status", {}).get("phase", ""), "name": obj["metadata"].get("name", "")}


def _phase_errors(namespace: JSON) -> Errors:
    """A namespace is terminating exactly when it is being deleted (ValidateNamespaceStatusUpdate)."""
    deleted = "deletionTimestamp" in namespace["metadata"]
    wanted, phase = "Terminating" if deleted else "Active", namespace.get("status", {}).get("phase", "")
    if phase != wanted:
        text = f"may only be '{wanted}' if `deletionTimestamp` is {'not ' if deleted else ''}empty"
        yield invalid_value("status.Phase", phase, text)


class NodeStrategy(Strategy):
    def prepare(self, obj: JSON, old: JSON | None) -> None:
        spec, status = obj["spec"], obj["status"]
        first, several = spec.get("podCIDR"), spec.get("podCIDRs")
        if first and (not several or several[0] != first):
            spec["podCIDRs"] = [first]
        elif several and not first:
            spec["podCIDR"] = several[0]
        if "capacity" in status and "allocatable" not in status:
            status["allocatable"] = dict(status["capacity"])

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        found = [*_taint_errors(obj["spec"].get("taints") or ())]
        for part in ("capacity", "allocatable"):
            for name, value in (obj["status"].get(part) or {}).items():
                found += resource_validation.amount(name, value, f"status.{part}.{name}")
        if old is not None:
            found += _node_change_errors(obj, old)
        return found

    def field_values(self, obj: JSON) -> dict[str, str]:
        return {"spec.unschedulable": "true" if obj.get("spec", {}).get("unschedulable") else "false"}


def _taint_errors(taints: Any) -> Errors:
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        path, key, effect = f"spec.taints[{index}]", taint.get("key", ""), taint.get("effect", "")
        yield from checks.by(names.label_key, key, f"{path}.key")
        problems = names.label_value(taint.get("value", ""))
        if problems:
            yield invalid_value(f"{path}.value", taint["value"], ";".join(problems))
        yield from checks.one_of(effect, TAINT_EFFECTS, f"{path}.effect")
        if (key, effect) in seen:
            yield checks.duplicate(path, taint)
        seen.add((key, effect))


def _node_change_errors(node: JSON, old: JSON) -> Errors:
    seen: list[JSON] = []
    for index, address in enumerate(node["status"].get("addresses") or ()):
        if address in seen:
            yield checks.duplicate(f"status.addresses[{index}]", address)
        seen.append(address)
    text = 'node updates may not change {} except from "" to valid'
    new_spec, old_spec = node["spec"], old["spec"]
    if old_spec.get("podCIDRs") and new_spec.get("podCIDRs") != old_spec["podCIDRs"]:
        yield field_forbidden("spec.podCIDRs", text.format("podCIDR"))
    if old_spec.get("providerID") and new_spec.get("providerID") != old_spec["providerID"]:
        yield field_forbidden("spec.providerID", text.format("providerID"))


class LeaseStrategy(Strategy):
    def prepare(self, obj: JSON, old: JSON | None) -> None:
        for part in ("strategy", "preferredHolder"):  # of coordinated leader election, which is off by default
            obj["spec"].pop(part, None)

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        spec = obj["spec"]
        seconds = spec.get("leaseDurationSeconds")
        found = []
        if seconds is not None and seconds <= 0:
            found.append(invalid_value("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
        return found + list(checks.not_negative(spec.get("leaseTransitions"), "spec.leaseTransitions"))
