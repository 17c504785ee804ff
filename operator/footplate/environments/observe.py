"""Views of Environments and of the pods that build them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from footplate.api.environment import Environment
from footplate.constants import CONTAINER_BUILD
from footplate.engine.keys import Key
from footplate.jobs.observe import owner_key, owner_of, termination_report

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """An Environment as the API server has it; `owner_uid` is there for the store's sake, nobody owns one."""

    key: Key
    uid: str
    resource_version: str
    environment: Environment
    body: Json
    owner_uid: str | None = None


@dataclass(frozen=True, slots=True)
class BuildPodView:
    """A pod that builds an image; `result` is what the builder said at its end."""

    key: Key
    uid: str
    resource_version: str
    owner_uid: str | None
    owner: Key | None
    phase: str
    message: str  # why it does not start or has failed, in the kubelet's words
    result: Json
    deleting: bool
    disrupted: bool = False  # something outside ended it: its node went, or its place was needed


def environment_view(body: Json) -> EnvironmentView:
    metadata = body["metadata"]
    return EnvironmentView(
        key=Key("Environment", metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        environment=Environment.model_validate(body),
        body=body,
    )


def build_pod_view(body: Json) -> BuildPodView:
    metadata, status = body["metadata"], body.get("status") or {}
    state: Json = {}
    for container in status.get("containerStatuses") or ():
        if container.get("name") == CONTAINER_BUILD:
            state = container.get("state") or {}
    details = state.get("terminated") or state.get("waiting") or {}
    return BuildPodView(
        key=Key("Pod", metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        owner_uid=owner_of(metadata).get("uid"),
        owner=owner_key(metadata),
        phase=status.get("phase", "Pending"),
        message=status.get("message") or details.get("message") or details.get("reason") or "",
        result=termination_report(details.get("message", "")),
        deleting="deletionTimestamp" in metadata,
        disrupted=_disrupted(status),
    )


def _disrupted(status: Json) -> bool:
    """Kubernetes: Pod disruption conditions. An eviction under node pressure is not one: the build may be its cause."""
    conditions = status.get("conditions") or ()
    told = any(c.get("type") == "DisruptionTarget" and c.get("status") == "True" for c in conditions)
    return told and status.get("reason") != "Evicted"
