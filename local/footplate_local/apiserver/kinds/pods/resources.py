"""Checks of what containers ask for: resource names, quantities, requests against limits.

Source: kubernetes pkg/apis/core/validation/validation.go (ValidateResourceRequirements) and pkg/apis/core/helper.
"""

from __future__ import annotations

from typing import Any

from footplate.quantity import parse_quantity
from footplate_local.apiserver.errors import field_forbidden, invalid_value, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
_HUGE_PAGES = "hugepages-"
_STANDARD = {"cpu", "memory", "ephemeral-storage"}
_REQUESTS = "requests."


def _native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def extended(name: str) -> bool:
    """Whether a resource is one that nodes have beside Kubernetes' own, such as `nvidia.com/gpu`."""
    if _native(name) or name.startswith(_REQUESTS):
        return False
    return not names.label_key(_REQUESTS + name)


def _overcommitted(name: str) -> bool:
    return _native(name) and not name.startswith(_HUGE_PAGES)


def requirements(resources: JSON, path: str, claims: set[str] | None = None) -> Errors:
    """The `resources` of a container, with their requests already defaulted from the limits."""
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for part, values in (("limits", limits), ("requests", requests)):
        for name, value in values.items():
            where = f"{path}.{part}[{name}]"
            yield from _container_resource(name, where)
            yield from amount(name, value, where)
    for name, value in requests.items():
        yield from _within_limit(name, value, limits.get(name), path)
    page_sizes = {name for name in (*limits, *requests) if name.startswith(_HUGE_PAGES)}
    if page_sizes and not {"cpu", "memory"} & {*limits, *requests}:
        yield field_forbidden(path, "HugePages require cpu or memory")
    yield from _claims(resources.get("claims") or (), f"{path}.claims", claims or set())


def _within_limit(name: str, value: str, limit: str | None, path: str) -> Errors:
    if limit is None:
        if not _overcommitted(name):
            yield required(f"{path}.limits", "Limit must be set for non overcommitable resources")
    elif parse_quantity(value) > parse_quantity(limit):
        text = f"must be less than or equal to {name} limit of {limit}"
        yield invalid_value(f"{path}.requests", value, text)
    elif not _overcommitted(name) and parse_quantity(value) != parse_quantity(limit):
        yield invalid_value(f"{path}.requests", value, f"must be equal to {name} limit of {limit}")


def _container_resource(name: str, path: str) -> Errors:
    yield from resource_name(name, path)
    if "/" not in name:
        if name not in _STANDARD and not name.startswith(_HUGE_PAGES):
            yield invalid_value(path, name, "must be a standard resource for containers")
    elif not _native(name) and not extended(name):
        yield invalid_value(path, name, "doesn't follow extended resource name standard")


def resource_name(name: str, path: str) -> Errors:
    problems = [*checks.by(names.label_key, name, path)]
    yield from problems
    if (
        not problems
        and "/" not in name
        and name not in _KNOWN
        and not name.startswith((_HUGE_PAGES, _REQUESTS, "limits."))
    ):
        yield invalid_value(path, name, "must be a standard resource type or fully qualified")


_KNOWN = _STANDARD | {
    "storage", "pods", "requests", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
    "persistentvolumeclaims",
}  # fmt: skip


def amount(name: str, value: str, path: str) -> Errors:
    """A quantity of a resource; of some there are only whole ones."""
    yield from checks.quantity(value, path)
    whole = name in ("pods", "services") or extended(name)
    if whole and parse_quantity(value) % 1:
        yield invalid_value(path, value, "must be an integer")


def _claims(claims: Any, path: str, known: set[str]) -> Errors:
    seen: set[tuple[str, str]] = set()
    for index, claim in enumerate(claims):
        where, name, request = f"{path}[{index}]", claim.get("name", ""), claim.get("request", "")
        if not name:
            yield required(f"{where}.name")
            continue
        if (name, request) in seen:
            yield checks.duplicate(where, f"{name}/{request}" if request else name)
        seen.add((name, request))
        if name not in known:
            yield checks.not_found(where, name)
