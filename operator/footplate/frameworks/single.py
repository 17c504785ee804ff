"""A job without a distribution: one replica that runs the program once."""

from __future__ import annotations

from collections.abc import Mapping

from footplate.api.training_job import TrainingJobSpec
from footplate.frameworks.base import WORKER


class Single:
    """One worker; RANK 0 of WORLD_SIZE 1."""

    name = "single"

    def roles(self, spec: TrainingJobSpec) -> Mapping[str, int]:
        return {WORKER: 1}

    def deciding(self, spec: TrainingJobSpec) -> frozenset[str]:
        return frozenset({WORKER})

    def launch(self, spec: TrainingJobSpec, port: int) -> Mapping[str, object]:
        return {}
