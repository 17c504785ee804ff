"""LimitRanges and ResourceQuotas. They are kept, filled in and checked; the embedded cluster does not enforce them.

Source: kubernetes pkg/apis/core/v1/defaults.go and pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

from typing import Any

from footplate.quantity import parse_quantity
from footplate_local.apiserver.errors import field_forbidden, invalid_value, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.kinds.pods import resources as resource_validation
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_COUNTED = (
    "configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "secrets", "services",
    "services.loadbalancers", "services.nodeports",
)  # fmt: skip
_QUOTAS = {*_COMPUTE, *_COUNTED, "requests.storage"} | {
    f"{part}.{name}" for part in ("requests", "limits") for name in _COMPUTE
}
_SCOPES = (
    "BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "PriorityClass", "Terminating",
    "VolumeAttributesClass",
)  # fmt: skip
_OPPOSITES = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
_LIMITED = ("Container", "PersistentVolumeClaim", "Pod")
_BOUNDS = ("max", "min", "default", "defaultRequest")
# (the part that may not be lower than the next one, that one, the field of the error, its words)
_ORDER = (
    ("max", "min", "min", "min value {1} is greater than max value {0}"),
    ("defaultRequest", "min", "defaultRequest", "min value {1} is greater than default request value {0}"),
    ("max", "defaultRequest", "defaultRequest", "default request value {1} is greater than max value {0}"),
    ("default", "defaultRequest", "defaultRequest",
     "default request value {1} is greater than default limit value {0}"),
    ("default", "min", "default", "min value {1} is greater than default value {0}"),
    ("max", "default", "default", "default value {1} is greater than max value {0}"),
)  # fmt: skip


def check_quota(quota: JSON, old: JSON | None) -> Errors:
    spec = quota["spec"]
    hard = spec.get("hard") or {}
    for name, value in hard.items():
        path = f"spec.hard[{name}]"
        yield from checks.by(names.label_key, name, path)
        if "/" not in name and name not in _QUOTAS and not name.startswith(("hugepages-", "requests.hugepages-")):
            yield invalid_value(path, name, "must be a standard resource for quota")
        yield from resource_validation.amount(name, value, path)
        if name in _COUNTED and name not in ("pods", "services") and parse_quantity(value) % 1:
            yield invalid_value(path, value, "must be an integer")
    scopes = spec.get("scopes") or []
    for scope in scopes:
        if scope not in _SCOPES:
            yield invalid_value("spec.scopes", scopes, "unsupported scope")
    for pair in _OPPOSITES:
        if pair <= set(scopes):
            yield invalid_value("spec.scopes", scopes, "conflicting scopes")
    if old is not None and set(scopes) != set(old["spec"].get("scopes") or ()):
        yield invalid_value("spec.scopes", scopes, checks.IMMUTABLE)


def fill_limits(limit_range: JSON) -> None:
    """What a container may have at most is its limit, and its limit its request, where nothing else is said."""
    for item in limit_range["spec"].get("limits") or ():
        if item.get("type") != "Container":
            continue
        default = {**(item.get("max") or {}), **(item.get("default") or {})}
        request = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
        for part, values in (("default", default), ("defaultRequest", request)):
            if values:
                item[part] = values


def check_limits(limit_range: JSON, old: JSON | None) -> Errors:
    seen: set[str] = set()
    for index, item in enumerate(limit_range["spec"].get("limits") or ()):
        path, kind = f"spec.limits[{index}]", item.get("type", "")
        problems = [*checks.by(names.label_key, kind, f"{path}.type")]
        yield from problems
        if not problems and "/" not in kind and kind not in _LIMITED:
            yield invalid_value(f"{path}.type", kind, "must be a standard limit type or fully qualified")
        if kind in seen:
            yield checks.duplicate(f"{path}.type", kind)
        seen.add(kind)
        yield from _limit_errors(item, kind, path)


def _limit_errors(item: JSON, kind: str, path: str) -> Errors:
    for part in ("default", "defaultRequest") if kind == "Pod" else ():
        if item.get(part):
            yield field_forbidden(f"{path}.{part}", "may not be specified when `type` is 'Pod'")
    bounds = {part: item.get(part) or {} for part in _BOUNDS}
    if kind == "PersistentVolumeClaim" and not any("storage" in bounds[part] for part in ("min", "max")):
        text = "either minimum or maximum storage value is required, but neither was provided"
        yield required(f"{path}.limits", text)
    for part, values in bounds.items():
        for name in values:
            yield from resource_validation.resource_name(name, f"{path}.{part}[{name}]")
    for higher, lower, where, text in _ORDER:
        for name in sorted(bounds[higher].keys() & bounds[lower].keys()):
            most, least = bounds[higher][name], bounds[lower][name]
            if parse_quantity(least) > parse_quantity(most):
                yield invalid_value(f"{path}.{where}[{name}]", least, text.format(most, least))
    for name, ratio in (item.get("maxLimitRequestRatio") or {}).items():
        if parse_quantity(ratio) < 1:
            yield invalid_value(f"{path}.maxLimitRequestRatio[{name}]", ratio, f"ratio {ratio} is less than 1")
