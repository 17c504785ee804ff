"""Roles and their bindings; what they allow is in `rights`.

Sources: kubernetes pkg/apis/rbac/v1/defaults.go, pkg/apis/rbac/validation/validation.go.
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import invalid_value, not_supported, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
GROUP = "rbac.authorization.k8s.io"


def fill_binding(binding: JSON) -> None:
    binding["roleRef"].setdefault("apiGroup", GROUP)
    if not binding["roleRef"]["apiGroup"]:
        binding["roleRef"]["apiGroup"] = GROUP
    for subject in binding.get("subjects") or ():
        if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
            subject["apiGroup"] = GROUP


def check_role(role: JSON, old: JSON | None) -> Errors:
    for index, rule in enumerate(role.get("rules") or ()):
        path = f"rules[{index}]"
        if not rule.get("verbs"):
            yield required(f"{path}.verbs", "verbs must contain at least one value")
        if rule.get("nonResourceURLs"):
            if role["metadata"].get("namespace"):
                text = "namespaced rules cannot apply to non-resource URLs"
                yield invalid_value(f"{path}.nonResourceURLs", rule["nonResourceURLs"], text)
            if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                text = "rules cannot apply to both regular resources and non-resource URLs"
                yield invalid_value(f"{path}.nonResourceURLs", rule["nonResourceURLs"], text)
            continue
        if not rule.get("apiGroups"):
            yield required(f"{path}.apiGroups", "resource rules must supply at least one api group")
        if not rule.get("resources"):
            yield required(f"{path}.resources", "resource rules must supply at least one resource")


def check_binding(binding: JSON, old: JSON | None) -> Errors:
    namespaced = bool(binding["metadata"].get("namespace"))
    role = binding["roleRef"]
    if role["apiGroup"] != GROUP:
        yield not_supported("roleRef.apiGroup", role["apiGroup"], (GROUP,))
    kinds = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)
    if role.get("kind") not in kinds:
        yield not_supported("roleRef.kind", role.get("kind", ""), kinds)
    yield from checks.needed(role.get("name"), "roleRef.name", names.path_segment)
    for index, subject in enumerate(binding.get("subjects") or ()):
        yield from _subject_errors(subject, f"subjects[{index}]", namespaced=namespaced)
    if old is not None and role != old["roleRef"]:
        yield invalid_value("roleRef", role, "cannot change roleRef")


def _subject_errors(subject: JSON, path: str, *, namespaced: bool) -> Errors:
    kind, name = subject.get("kind", ""), subject.get("name", "")
    if not name:
        yield required(f"{path}.name")
    match kind:
        case "ServiceAccount":
            if name:
                yield from checks.by(names.subdomain, name, f"{path}.name")
            if subject.get("apiGroup"):
                yield not_supported(f"{path}.apiGroup", subject["apiGroup"], ("",))
            if not namespaced and not subject.get("namespace"):
                yield required(f"{path}.namespace")
        case "User" | "Group":
            if subject.get("apiGroup") != GROUP:
                yield not_supported(f"{path}.apiGroup", subject.get("apiGroup", ""), (GROUP,))
        case _:
            yield not_supported(f"{path}.kind", kind, ("ServiceAccount", "User", "Group"))
