"""Namespaces, Nodes and Leases."""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver import names
from footplate_local.apiserver.errors import FieldError, invalid_value
from footplate_local.apiserver.kinds.registry import Strategy

JSON = dict[str, Any]


class NamespaceStrategy(Strategy):
    def name_errors(self, name: str) -> list[str]:
        return names.dns_label(name)

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
        if old is None:
            obj["spec"] = {"finalizers": ["kubernetes"]}
            obj["status"] = {"phase": "Active"}
        else:
            obj["spec"] = old["spec"]

    def field_values(self, obj: JSON) -> dict[str, str]:
        return {"status.phase": obj.get("status", {}).get("phase", "")}


class NodeStrategy(Strategy):
    def prepare(self, obj: JSON, old: JSON | None) -> None:
        obj.setdefault("spec", {})
        obj.setdefault("status", {})

    def field_values(self, obj: JSON) -> dict[str, str]:
        return {"spec.unschedulable": "true" if obj.get("spec", {}).get("unschedulable") else "false"}


class LeaseStrategy(Strategy):
    def prepare(self, obj: JSON, old: JSON | None) -> None:
        obj.setdefault("spec", {})

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        seconds = obj["spec"].get("leaseDurationSeconds")
        if seconds is not None and (not isinstance(seconds, int) or seconds <= 0):
            return [invalid_value("spec.leaseDurationSeconds", seconds, "must be greater than 0")]
        return []
