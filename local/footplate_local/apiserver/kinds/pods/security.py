"""Checks of the security contexts of pods and containers.

Source: kubernetes pkg/apis/core/validation/validation.go (ValidateSecurityContext, validatePodSpecSecurityContext).
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import invalid_value, not_supported, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors

JSON = dict[str, Any]
_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")


def container(context: JSON, path: str) -> Errors:
    for part in ("runAsUser", "runAsGroup"):
        yield from _identity(context.get(part), f"{path}.{part}")
    yield from checks.maybe_one_of(context.get("procMount"), ("Default", "Unmasked"), f"{path}.procMount")
    yield from _profile(context.get("seccompProfile"), "seccompProfile", "seccomp", path)
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            yield invalid_value(path, context, text)
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
            text = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            yield invalid_value(path, context, text)
    yield from _profile(context.get("appArmorProfile"), "appArmorProfile", "AppArmor", path)


def pod(context: JSON, spec: JSON, path: str) -> Errors:
    for part in ("fsGroup", "runAsUser", "runAsGroup"):
        yield from _identity(context.get(part), f"{path}.{part}")
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        yield from _identity(group, f"{path}.supplementalGroups[{index}]")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        text = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid_value(f"{path}.shareProcessNamespace", True, text)
    policy = context.get("fsGroupChangePolicy")
    yield from checks.maybe_one_of(policy, ("Always", "OnRootMismatch"), f"{path}.fsGroupChangePolicy")
    yield from _profile(context.get("seccompProfile"), "seccompProfile", "seccomp", path)
    yield from _profile(context.get("appArmorProfile"), "appArmorProfile", "AppArmor", path)
    groups = context.get("supplementalGroupsPolicy")
    yield from checks.maybe_one_of(groups, ("Merge", "Strict"), f"{path}.supplementalGroupsPolicy")


def _identity(number: int | None, path: str) -> Errors:
    yield from checks.between(number, 0, checks.LARGEST_INT32, path)


def _profile(profile: JSON | None, name: str, system: str, path: str) -> Errors:
    if profile is None:
        return
    kind, local, where = profile.get("type", ""), profile.get("localhostProfile"), f"{path}.{name}"
    if not kind:
        yield required(f"{where}.type", f"type is required when {name} is set")
    elif kind not in _PROFILES:
        yield not_supported(f"{where}.type", kind, _PROFILES)
    if kind == "Localhost":
        if not local:
            yield required(f"{where}.localhostProfile", f"must be set when {system} type is Localhost")
        elif system == "seccomp":
            yield from checks.relative_path(local, f"{where}.localhostProfile")
    elif local is not None and kind in ("RuntimeDefault", "Unconfined"):
        text = f"can only be set when {system} type is Localhost"
        yield invalid_value(f"{where}.localhostProfile", local, text)
