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


def framework_of(spec: TrainingJobSpec) -> Framework:
    """The framework of `spec.distribution`, or the single one without."""
    asked = spec.distribution
    return next((found for name, found in REGISTRY.items() if getattr(asked, name, None) is not None), SINGLE)
