"""TensorFlow: the program once in every role, told by TF_CONFIG where it stands (TensorFlow: distributed training)."""

from __future__ import annotations

from collections.abc import Mapping

from footplate.api.training_job import TrainingJobSpec
from footplate.api.training_job_spec import Resources
from footplate.api.training_job_spec import TensorFlow as Asked
from footplate.frameworks.base import WORKER, Framework

CHIEF, PS, EVALUATOR = "chief", "ps", "evaluator"
PORT = 2222  # TensorFlow's own choice in its documentation; each pod has a network of its own


class TensorFlow(Framework):
    """A chief, workers, parameter servers and an evaluator, as many of each as asked for."""

    name = "tensorflow"

    def roles(self, spec: TrainingJobSpec) -> Mapping[str, int]:
        """The chief is the primary, or worker 0 where there is none."""
        asked = _asked(spec)
        counts = {
            CHIEF: int(asked.chief),
            WORKER: asked.workers,
            PS: asked.parameter_servers,
            EVALUATOR: int(asked.evaluator),
        }
        return {role: count for role, count in counts.items() if count}

    def decides(self, spec: TrainingJobSpec, role: str, index: int) -> bool:
        """Those that run the training to its end: parameter servers, evaluators, and the workers that a chief
        commands by way of parameter servers serve for ever (TensorFlow: ParameterServerStrategy).
        """
        asked = _asked(spec)
        if asked.chief and asked.parameter_servers:
            return role == CHIEF
        return role in (CHIEF, WORKER)

    def resources(self, spec: TrainingJobSpec, role: str) -> Resources:
        own: Resources | None = getattr(_asked(spec).resources, role)
        if own is not None:
            return own
        # Parameter servers hold variables and do no arithmetic to speak of.
        return spec.resources.model_copy(update={"gpu": 0}) if role == PS else spec.resources

    def launch(self, spec: TrainingJobSpec, port: int) -> Mapping[str, object]:
        """`hostPort` is the first of the ports where pods share a machine's network: one port a replica."""
        return {
            "framework": "tensorflow",
            "port": PORT,
            "hostPort": port,
            "hostNetwork": bool(spec.pod_template.spec.get("hostNetwork")),
        }


def _asked(spec: TrainingJobSpec) -> Asked:
    assert spec.distribution is not None
    assert spec.distribution.tensorflow is not None
    return spec.distribution.tensorflow
