"""A TrainingJob as the operator keeps it. Pure."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from footplate.engine.keys import Key
from footplate.frameworks.registry import REGISTRY, SINGLE
from footplate.jobs.observe import Json


@dataclass(frozen=True, slots=True)
class JobView:
    """A TrainingJob as the API server has it: kept as JSON text, a tenth of what its objects would take."""

    key: Key
    uid: str
    resource_version: str
    text: bytes
    phase: str
    reason: str
    framework: str
    environment: str  # name of the Environment that it waits for or runs in; may be empty
    owner_uid: str | None = None

    def body(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.text)
        return loaded


def job_view(body: Json) -> JobView:
    metadata, status = body["metadata"], body.get("status") or {}
    return JobView(
        key=Key("TrainingJob", metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        text=json.dumps(body, separators=(",", ":")).encode(),
        phase=sys.intern(status.get("phase", "")),
        reason=sys.intern(status.get("reason", "")),
        framework=_framework(body["spec"].get("distribution") or {}),
        environment=(body["spec"].get("environment") or {}).get("name", ""),
    )


def _framework(distribution: Json) -> str:
    return next((name for name in REGISTRY if distribution.get(name) is not None), SINGLE.name)
