"""Which image a job's environment is. Pure."""

from __future__ import annotations

from collections.abc import Callable

from footplate.api.conditions import READY, get_condition
from footplate.api.environment import Environment
from footplate.api.training_job_spec import EnvironmentRef
from footplate.jobs.diagnosis import Cause
from footplate.jobs.observe import EnvironmentImage

Lookup = Callable[[str, str], Environment | None]  # namespace, name


def resolve(ref: EnvironmentRef, namespace: str, curated: str, lookup: Lookup) -> EnvironmentImage:
    """The image of an Environment of the job's namespace, or else of a curated one in the namespace `curated`."""
    environment = lookup(namespace, ref.name) or lookup(curated, ref.name)
    if environment is None:
        return EnvironmentImage(
            ref.name,
            reason="EnvironmentNotFound",
            message=f"waiting for Environment {ref.name}: there is none in namespace {namespace} nor in {curated}",
        )
    versions = environment.status.versions
    if ref.version is not None:
        wanted = next((v for v in versions if v.number == ref.version), None)
        missing = f"Environment {ref.name} has no version {ref.version} yet; its latest is {len(versions)}"
    else:
        current = environment.status.observed_generation == environment.metadata.generation
        wanted = versions[-1] if versions and current and _is_ready(environment) else None
        missing = f"Environment {ref.name} is being built"
    if wanted is not None and wanted.image is not None:
        return EnvironmentImage(
            ref.name, wanted.number, wanted.image, environment.spec.variables, build_log=wanted.build_log
        )
    return _not_yet(ref.name, environment, missing)


def _is_ready(environment: Environment) -> bool:
    ready = get_condition(environment.status.conditions, READY)
    return ready is not None and ready.status == "True"


def _not_yet(name: str, environment: Environment, missing: str) -> EnvironmentImage:
    ready = get_condition(environment.status.conditions, READY)
    current = environment.status.observed_generation == environment.metadata.generation
    if ready is not None and current and ready.status == "False":
        if ready.reason in ("BuildFailed", "NoBuilder"):
            return EnvironmentImage(
                name,
                reason=Cause.ENVIRONMENT_BUILD_FAILED.value,
                message=f"Environment {name}: {ready.message}",
            )
        return EnvironmentImage(name, reason="EnvironmentBuilding", message=f"Environment {name}: {ready.message}")
    return EnvironmentImage(name, reason="EnvironmentBuilding", message=missing)
