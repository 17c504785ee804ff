"""Which framework a spec asks for. A new framework is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from footplate.api.training_job import TrainingJobSpec
from footplate.frameworks.base import Framework
from footplate.frameworks.jax import Jax
from footplate.frameworks.mpi import Mpi
from footplate.frameworks.pytorch import PyTorch
from footplate.frameworks.single import Single
from footplate.frameworks.tensorflow import TensorFlow

REGISTRY: Mapping[str, Framework] = {
    "jax": Jax(),
    "mpi": Mpi(),
    "pytorch": PyTorch(),
    "tensorflow": TensorFlow(),
}
SINGLE = Single()


class UnsupportedFramework(ValueError):
    """The spec asks for a distribution that this version cannot launch; `name` is its field name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def framework_of(spec: TrainingJobSpec) -> Framework:
    """The framework of `spec.distribution`, or the single one without; raises UnsupportedFramework."""
    asked = spec.distribution.model_fields_set if spec.distribution else frozenset[str]()
    named = [name for name in sorted(asked) if getattr(spec.distribution, name) is not None]
    if not named:
        return SINGLE
    if named[0] not in REGISTRY:
        raise UnsupportedFramework(named[0])
    return REGISTRY[named[0]]
