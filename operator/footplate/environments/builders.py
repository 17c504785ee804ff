"""The pod that builds an Environment's image, the same for every builder (docs/architecture.md, "A builder"). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from footplate import store_keys
from footplate.api.environment import Environment
from footplate.constants import (
    CONTAINER_BUILD,
    CONTAINER_BUILD_LOG,
    LABEL_CONTENT_HASH,
    LABEL_ENVIRONMENT,
    LABEL_MANAGED_BY,
    MANAGED_BY,
)
from footplate.jobs.context import Runtime, StoreAddress, pulling
from footplate.jobs.literal import literal
from footplate.jobs.security import USER, others_container, own_container, pod_context
from footplate_runtime import contract

LOG_FOLDER = "/footplate/build"
_LOG_PATH = f"{LOG_FOLDER}/build.log"
_KEEP_LOG = ("env", "--block-signal=TERM", "python3", "-m", "footplate_runtime.build_log")
_LOG_MOUNT = {"name": "build", "mountPath": LOG_FOLDER}


@dataclass(frozen=True, slots=True)
class LogKeeper:
    """Who brings the log of a build to which store."""

    runtime: Runtime
    store: StoreAddress

    def uri(self, content: str) -> str:
        """Where the log of the build of this content is. No namespace has a name that begins like that."""
        return f"{self.store.uri.rstrip('/')}/_environments/{content}/build.log"


@dataclass(frozen=True, slots=True)
class Builder:
    """Which image builds, how it is called, and who keeps its log; None: nobody."""

    image: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    log: LogKeeper | None = None
    pull_secrets: Sequence[str] = ()
    user: int | None = USER
    """Who the pod runs as; None: whom the cluster assigns."""
    security: Mapping[str, Any] = field(default_factory=dict)
    """What the build needs beyond the restricted profile: fields of its container's security context."""


def build_pod_name(content: str) -> str:
    return f"environment-build-{content[:12]}"


def build_pod(environment: Environment, content: str, builder: Builder) -> dict[str, Any]:
    """The manifest of the build of `environment`, whose content hash is `content`."""
    spec = environment.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    order = {"version": 1, "contentHash": content, "spec": spec}
    values = {**builder.env, contract.ENV_BUILD: literal(json.dumps(order, sort_keys=True))}
    metadata = environment.metadata
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": build_pod_name(content),
            "namespace": metadata.namespace,
            "labels": {
                LABEL_MANAGED_BY: MANAGED_BY,
                LABEL_ENVIRONMENT: metadata.name,
                LABEL_CONTENT_HASH: content[:12],
            },
            "ownerReferences": [
                {
                    "apiVersion": environment.api_version,
                    "kind": environment.kind,
                    "name": metadata.name,
                    "uid": metadata.uid,
                    "controller": True,
                }
            ],
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            **pulling(builder.pull_secrets),
            "securityContext": pod_context(builder.user),
            "containers": [
                {
                    "name": CONTAINER_BUILD,
                    "image": builder.image,
                    "command": list(builder.command),
                    "env": [{"name": name, "value": value} for name, value in values.items()],
                    "securityContext": others_container(builder.security),
                }
            ],
        },
    }
    return _with_log(pod, content, builder.log) if builder.log else pod


def _with_log(pod: dict[str, Any], content: str, keeper: LogKeeper) -> dict[str, Any]:
    """The build with a sidecar that stores its log: the build itself runs others' code and never sees the keys."""
    told = {**keeper.store.as_json(), "uri": keeper.uri(content)}
    sidecar: dict[str, Any] = {
        **keeper.runtime.container(CONTAINER_BUILD_LOG, *_KEEP_LOG),
        "restartPolicy": "Always",  # Kubernetes: Sidecar Containers
        "env": [
            {"name": contract.ENV_BUILD_LOG, "value": _LOG_PATH},
            {"name": contract.ENV_BUILD_STORE, "value": literal(json.dumps(told, sort_keys=True))},
        ],
        "resources": keeper.runtime.agent.as_json(),
        "securityContext": own_container(),
        "volumeMounts": [dict(_LOG_MOUNT)],
    }
    if keeper.store.secret_name:
        # Optional: an Environment may lie where no job does, and no log is a reason not to build.
        store_keys.take_keys(sidecar, keeper.store.secret_name, optional=True)
    (build,) = pod["spec"]["containers"]
    build["env"].append({"name": contract.ENV_BUILD_LOG, "value": _LOG_PATH})
    build["volumeMounts"] = [dict(_LOG_MOUNT)]
    volumes: list[dict[str, Any]] = [{"name": "build", "emptyDir": {}}]
    if keeper.store.secret_name:
        volumes.append(store_keys.keys_volume(keeper.store.secret_name))
    return {**pod, "spec": {**pod["spec"], "initContainers": [sidecar], "volumes": volumes}}
