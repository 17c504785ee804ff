"""A job without a distribution: one replica that runs the program once."""

from __future__ import annotations

from collections.abc import Mapping

from footplate.api.training_job import TrainingJobSpec
from footplate.frameworks.base import Framework


class Single(Framework):
    """One worker; RANK 0 of WORLD_SIZE 1."""

    name = "single"

    def launch(self, spec: TrainingJobSpec, port: int) -> Mapping[str, object]:
        return {"framework": "plain", "variables": {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}}
