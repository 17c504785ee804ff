"""A TrainingJob as the operator keeps it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from footplate.engine.keys import Key
from footplate.jobs.observe import Json


@dataclass(frozen=True, slots=True)
class JobView:
    """A TrainingJob as the API server has it: kept as JSON text, a tenth of what its objects would take."""

    key: Key
    uid: str
    resource_version: str
    text: bytes
    phase: str
    environment: str  # name of the Environment that it waits for or runs in; may be empty
    owner_uid: str | None = None

    def body(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.text)
        return loaded


def job_view(body: Json) -> JobView:
    metadata = body["metadata"]
    return JobView(
        key=Key("TrainingJob", metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        text=json.dumps(body, separators=(",", ":")).encode(),
        phase=(body.get("status") or {}).get("phase", ""),
        environment=(body["spec"].get("environment") or {}).get("name", ""),
    )
