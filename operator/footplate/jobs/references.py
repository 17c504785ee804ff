"""References in a job's arguments that mean nothing: such a job is refused before any pod is made. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from footplate.api.training_job import TrainingJobSpec
from footplate.jobs.launch import parameter_arguments
from footplate_runtime.contract import references


def unknown_reference(spec: TrainingJobSpec) -> str | None:
    """One sentence that names the field, the name in it, and those that are known; None when all are."""
    if not spec.entrypoint.launcher:
        return None  # nobody replaces anything but Kubernetes, which leaves what it does not know as it is
    known = [references.OUTPUTS, references.JOB, *(references.input_reference(given.name) for given in spec.inputs)]
    for field, word in _words(spec):
        name = references.unknown(word, known)
        if name is not None:
            return references.unknown_sentence(name, field, known)
    return None


def _words(spec: TrainingJobSpec) -> Iterator[tuple[str, str]]:
    """Every word in which the launcher replaces references, after the field that it comes from."""
    for i, word in enumerate(spec.entrypoint.args):
        yield f"spec.entrypoint.args[{i}]", word
    for i, word in enumerate(spec.entrypoint.command or ()):
        yield f"spec.entrypoint.command[{i}]", word
    for name in sorted(spec.parameters):
        for word in parameter_arguments({name: spec.parameters[name]}):
            yield f"spec.parameters.{name}", word
