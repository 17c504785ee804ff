"""What the pods that we make may do: the restricted profile, and what a user's template says otherwise. Pure.

Who a container runs as is said of the pod alone, so that all containers of a pod are one user, which can read and write
each other's files, and so that one line of the template changes it for all. What is not said there is filled in here;
what is said there stays, and may not contradict what is filled in (Kubernetes: Pod Security Standards, restricted;
Security Context; kubelet pkg/kubelet/kuberuntime/security_context.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footplate.constants import CONTAINER_AGENT, CONTAINER_FETCH, CONTAINER_TRAIN

Json = Mapping[str, Any]

USER = 65532
"""The user of all pods, where the settings name no other: no image needs to know it."""

_CONTAINED: Json = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""Of an image that is not ours: it may write into its own files."""
_READ_ONLY: Json = {**_CONTAINED, "readOnlyRootFilesystem": True}


def pod_context(user: int | None, said: Json | None = None) -> dict[str, Any]:
    """The security context of a pod.

    With no `user` the cluster assigns one, as OpenShift does. `said` is the user's: with `runAsNonRoot: false` and
    no user the image's own is meant, and whoever names root may have it.
    """
    said = said or {}
    ours: dict[str, Any] = {"runAsNonRoot": said.get("runAsUser") != 0}
    if user is not None:
        if said.get("runAsNonRoot") is not False:
            ours["runAsUser"] = user
        # The group of the volumes, which each container has besides its own.
        ours |= {"fsGroup": user, "fsGroupChangePolicy": "OnRootMismatch"}
    return {**ours, "seccompProfile": {"type": "RuntimeDefault"}, **said}


def own_container() -> dict[str, Any]:
    """The security context of a container of ours."""
    return {**_READ_ONLY}


def others_container(said: Json | None = None) -> dict[str, Any]:
    """That of a container of somebody else's image; `said` is what it needs beyond the profile."""
    return _filled(said or {}, _CONTAINED)


def with_security(pod: Json, user: int | None) -> dict[str, Any]:
    """A replica's pod, merged with the user's template, with all that this does not say.

    Of containers that the template adds nothing is filled in: what they need is not ours to know.
    """
    spec = dict(pod["spec"])
    context = pod_context(user, spec.get("securityContext"))
    own = {**_READ_ONLY, **_own_user(context, user)}
    defaults = {CONTAINER_FETCH: own, CONTAINER_AGENT: own, CONTAINER_TRAIN: _CONTAINED}
    for group in ("initContainers", "containers"):
        spec[group] = [_with_context(container, defaults.get(container["name"], {})) for container in spec[group]]
    return {**pod, "spec": {**spec, "securityContext": context}}


def _own_user(context: Json, user: int | None) -> dict[str, Any]:
    """Who our containers run as where the pod leaves it to the user's image."""
    if context["runAsNonRoot"] or context.get("runAsUser") is not None:
        return {}
    return {"runAsNonRoot": True} | ({"runAsUser": user} if user is not None else {})


def _with_context(container: Json, ours: Json) -> dict[str, Any]:
    context = _filled(container.get("securityContext") or {}, ours)
    return {**container, "securityContext": context} if context else dict(container)


def _filled(said: Json, ours: Json) -> dict[str, Any]:
    context = {**ours, **said}
    if "capabilities" in said and "capabilities" in ours:
        context["capabilities"] = {**ours["capabilities"], **(said["capabilities"] or {})}
    if "allowPrivilegeEscalation" not in said and _may_escalate(said):
        context.pop("allowPrivilegeEscalation", None)  # the API server refuses false beside these
    if said.get("runAsUser") == 0:
        context.setdefault("runAsNonRoot", False)  # else the kubelet refuses what was asked for
    return context


def _may_escalate(context: Json) -> bool:
    added = (context.get("capabilities") or {}).get("add") or ()
    return bool(context.get("privileged")) or "CAP_SYS_ADMIN" in added or "SYS_ADMIN" in added
