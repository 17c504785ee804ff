"""Events: core/v1 and events.k8s.io/v1 are two views of the same objects, which are stored as the first.

Sources: kubernetes pkg/apis/core/validation/events.go, pkg/apis/events/v1/conversion.go, pkg/registry/core/event.
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import FieldError, invalid_value, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.kinds.registry import Strategy
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
_LONGEST, _LONGEST_NOTE = 128, 1024
# core/v1 name -> events.k8s.io/v1 name of the same field
_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_CORE_NAMES = {new: core for core, new in _NAMES.items()}
_ALWAYS: dict[str, Any] = {
    "involvedObject": {}, "source": {}, "firstTimestamp": None, "lastTimestamp": None, "eventTime": None,
    "reportingComponent": "", "reportingInstance": "",
}  # fmt: skip
_FIXED = (
    "involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "type", "eventTime",
    "action", "related", "reportingComponent", "reportingInstance",
)  # fmt: skip
_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")


class EventStrategy(Strategy):
    """One of the two views. Only events that come as events.k8s.io/v1 are held to all of its rules."""

    def __init__(self, *, core: bool) -> None:
        self._core = core

    def to_version(self, obj: JSON, version: str) -> JSON:
        if self._core:
            return obj
        shown = {_NAMES.get(key, key): value for key, value in obj.items()}
        for part in ("reportingController", "reportingInstance"):  # these alone are left out when empty
            if not shown.get(part):
                shown.pop(part, None)
        return shown

    def from_version(self, obj: JSON, version: str) -> JSON:
        if self._core:
            return obj
        return {**{_CORE_NAMES.get(key, key): value for key, value in obj.items()}, "apiVersion": "v1"}

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        for key, value in _ALWAYS.items():
            obj.setdefault(key, value)

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        found = list(self._common_errors(obj))
        if self._core:
            return found
        if old is None:
            return found + list(_new_style_errors(obj))
        for part in _FIXED:
            found += checks.unchanged(obj.get(part), old.get(part), part)
        return found + list(_series_errors(obj))

    def _common_errors(self, event: JSON) -> Errors:
        involved, own = event["involvedObject"].get("namespace", ""), event["metadata"]["namespace"]
        elsewhere = invalid_value("involvedObject.namespace", involved, "does not match event.namespace")
        if not event["eventTime"]:
            if involved != own and (involved or own != "default"):
                yield elsewhere
            return
        if not involved and own not in ("default", "kube-system"):
            yield elsewhere
        controller = "reportingComponent" if self._core else "reportingController"
        if not event["reportingComponent"]:
            yield required(controller)
        yield from checks.by(names.label_key, event["reportingComponent"], controller)
        for part in ("reportingInstance", "action", "reason"):
            if not event.get(part):
                yield required(part)
            elif len(event[part]) > _LONGEST:
                yield invalid_value(part, "", f"can have at most {_LONGEST} characters")
        if len(event.get("message", "")) > _LONGEST_NOTE:
            yield invalid_value("message", "", f"can have at most {_LONGEST_NOTE} characters")

    def field_values(self, obj: JSON) -> dict[str, str]:
        about = obj.get("involvedObject") or {}
        first, controller = ("involvedObject", "reportingComponent")
        if not self._core:
            first, controller = "regarding", "reportingController"
        values = {f"{first}.{key}": str(about.get(key, "")) for key in _REFERENCE}
        values |= {"reason": obj.get("reason", ""), "type": obj.get("type", "")}
        values[controller] = obj.get("reportingComponent", "")
        if self._core:
            values["source"] = (obj.get("source") or {}).get("component", "") or obj.get("reportingComponent", "")
        return values


def _new_style_errors(event: JSON) -> Errors:
    """What an event of the new group must have and may not have."""
    yield from _series_errors(event)
    if not event["eventTime"]:
        yield required("eventTime")
    if event.get("type") not in ("Normal", "Warning"):
        yield invalid_value("type", "", f"has invalid value: {event.get('type', '')}")
    for part in ("firstTimestamp", "lastTimestamp", "count", "source"):
        if event.get(part):
            yield invalid_value(part, "", "needs to be unset")


def _series_errors(event: JSON) -> Errors:
    series = event.get("series")
    if series is None:
        return
    if series.get("count", 0) < 2:
        yield invalid_value("series.count", "", "should be at least 2")
    if not series.get("lastObservedTime"):
        yield required("series.lastObservedTime")
