"""TrainingJob: one training run, from source to outputs in the store."""

from __future__ import annotations

from typing import Literal

from footplate.api.base import Resource
from footplate.api.training_job_rules import NAME_RULES
from footplate.api.training_job_spec import TrainingJobSpec
from footplate.api.training_job_status import TrainingJobStatus

__all__ = ["TrainingJob", "TrainingJobSpec", "TrainingJobStatus"]


class TrainingJob(Resource):
    """A training job. It runs once: to run again, create another under a new name."""

    rules = NAME_RULES

    kind: Literal["TrainingJob"] = "TrainingJob"
    spec: TrainingJobSpec
    status: TrainingJobStatus = TrainingJobStatus()
