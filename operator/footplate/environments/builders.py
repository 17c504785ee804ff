"""The pod that builds an Environment's image, the same for every builder (docs/architecture.md, "A builder"). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from footplate.api.environment import Environment
from footplate.constants import (
    CONTAINER_BUILD,
    LABEL_CONTENT_HASH,
    LABEL_ENVIRONMENT,
    LABEL_MANAGED_BY,
    MANAGED_BY,
)
from footplate_runtime import contract


@dataclass(frozen=True, slots=True)
class Builder:
    """Which image builds, and how it is called."""

    image: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


def build_pod_name(content: str) -> str:
    return f"environment-build-{content[:12]}"


def build_pod(environment: Environment, content: str, builder: Builder) -> dict[str, Any]:
    """The manifest of the build of `environment`, whose content hash is `content`."""
    spec = environment.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    order = {"version": 1, "contentHash": content, "spec": spec}
    text = json.dumps(order, sort_keys=True).replace("$", "$$")  # Kubernetes would expand $(NAME) in it
    values = {**builder.env, contract.ENV_BUILD: text}
    metadata = environment.metadata
    return {
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
            "containers": [
                {
                    "name": CONTAINER_BUILD,
                    "image": builder.image,
                    "command": list(builder.command),
                    "env": [{"name": name, "value": value} for name, value in values.items()],
                }
            ],
        },
    }
