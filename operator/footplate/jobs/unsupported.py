"""What the API describes and this version cannot do yet: such a job fails with a sentence, never in silence. Pure."""

from __future__ import annotations

from footplate.api.training_job import TrainingJob


def unsupported(job: TrainingJob) -> str | None:
    """One sentence that says which field asks for too much, or None."""
    spec = job.spec
    if spec.compute_pool is not None:
        return (
            "spec.computePool: ComputePools are not served by this version of Footplate yet; "
            "leave it out and the pods go to the scheduler at once"
        )
    for given in spec.inputs:
        if given.dataset is not None or given.model is not None:
            kind = "dataset" if given.dataset is not None else "model"
            return (
                f"spec.inputs[{given.name}].{kind}: this version of Footplate reads inputs from a uri only; "
                f"give the {kind}'s uri"
            )
    if spec.register_models:
        return (
            "spec.registerModels: models are not registered by this version of Footplate yet; "
            "leave it out, the outputs are kept in the store all the same"
        )
    return None
