"""Events: core/v1 and events.k8s.io/v1 are two views of the same objects."""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import FieldError, invalid_value
from footplate_local.apiserver.kinds.registry import Strategy

JSON = dict[str, Any]

# core/v1 name -> events.k8s.io/v1 name of the same field
_EVENT_FIELDS = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}


class EventStrategy(Strategy):
    """Stored as core/v1; the same objects are read and written as events.k8s.io/v1."""

    def __init__(self, *, core: bool) -> None:
        self._core = core

    def to_version(self, obj: JSON, version: str) -> JSON:
        if self._core:
            return obj
        return {_EVENT_FIELDS.get(key, key): value for key, value in obj.items()}

    def from_version(self, obj: JSON, version: str) -> JSON:
        if self._core:
            return obj
        back = {new: core for core, new in _EVENT_FIELDS.items()}
        return {**{back.get(key, key): value for key, value in obj.items()}, "apiVersion": "v1"}

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        obj.setdefault("involvedObject", {})
        obj.setdefault("source", {})
        for key in ("firstTimestamp", "lastTimestamp", "eventTime"):
            obj.setdefault(key, None)
        for key in ("reportingComponent", "reportingInstance"):
            obj.setdefault(key, "")

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        involved = obj["involvedObject"].get("namespace", "")
        own = obj["metadata"]["namespace"]
        if involved and involved != own:
            return [invalid_value("involvedObject.namespace", involved, "does not match event.namespace")]
        if not involved and own != "default":
            return [invalid_value("involvedObject.namespace", involved, "does not match event.namespace")]
        return []

    def field_values(self, obj: JSON) -> dict[str, str]:
        about = obj.get("involvedObject") or {}
        first = "involvedObject" if self._core else "regarding"
        values = {
            f"{first}.{key}": str(about.get(key, ""))
            for key in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
        }
        source = (obj.get("source") or {}).get("component", "") or obj.get("reportingComponent", "")
        return values | {
            "reason": obj.get("reason", ""),
            "type": obj.get("type", ""),
            "source": source,
            "reportingComponent": obj.get("reportingComponent", ""),
        }
