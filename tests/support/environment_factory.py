"""Environments and their build pods for tests of the planner: short to write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from footplate.api.environment import Environment
from footplate.environments.builders import Builder, build_pod_name
from footplate.environments.content_hash import content_hash
from footplate.environments.observe import BuildPodView, build_pod_view

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BUILDER = Builder("footplate/runtime", ["build"])


def make(status: dict[str, Any] | None = None, **spec: Any) -> Environment:
    return Environment.model_validate(
        {
            "metadata": {"name": "torch", "namespace": "default", "uid": "e-1", "generation": 4},
            "spec": spec or {"pip": ["numpy"]},
            "status": status or {},
        }
    )


def pod(environment: Environment, phase: str, message: str = "", deleting: bool = False, **status: Any) -> BuildPodView:
    name = build_pod_name(content_hash(environment.spec))
    state = {"terminated": {"exitCode": 0, "message": message}} if message else {}
    return build_pod_view(
        {
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": "p-1",
                "resourceVersion": "3",
                **({"deletionTimestamp": "2026-11-21T12:00:00Z"} if deleting else {}),
            },
            "status": {"phase": phase, "containerStatuses": [{"name": "build", "state": state}], **status},
        }
    )
