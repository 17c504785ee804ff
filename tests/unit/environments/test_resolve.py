"""Which image a job gets of an Environment, and what it is told while there is none."""

from __future__ import annotations

from typing import Any

from footplate.api.environment import Environment
from footplate.api.training_job_spec import EnvironmentRef
from footplate.environments.resolve import resolve


def make(ready: str = "True", reason: str = "ImageReady", generation: int = 1, **more: Any) -> Environment:
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": reason,
        "message": "no such package",
        "lastTransitionTime": "2026-11-21T12:00:00Z",
    }
    versions = [
        {"number": n, "contentHash": f"{n}" * 64, "image": f"env@{n}", "buildLog": f"s3://runs/{n}.log"} for n in (1, 2)
    ]
    return Environment.model_validate(
        {
            "metadata": {"name": "torch", "namespace": "default", "generation": generation},
            "spec": {"pip": ["torch"], "variables": {"A": "b"}},
            "status": {"versions": versions, "conditions": [condition], "observedGeneration": 1, **more},
        }
    )


def go(environment: Environment | None, version: int | None = None, where: str = "default") -> Any:
    ref = EnvironmentRef(name="torch", version=version)
    return resolve(ref, "default", "footplate-system", lambda ns, _: environment if ns == where else None)


def test_the_latest_version_is_the_default() -> None:
    image = go(make())
    assert (image.version, image.image, image.variables) == (2, "env@2", {"A": "b"})


def test_a_version_can_be_named() -> None:
    assert (go(make(), 1).image, go(make(), 1).build_log) == ("env@1", "s3://runs/1.log")
    missing = go(make(), 7)
    assert missing.image is None
    assert missing.reason == "EnvironmentBuilding"


def test_a_curated_environment_serves_every_namespace() -> None:
    assert go(make(), where="footplate-system").image == "env@2"


def test_none_of_that_name() -> None:
    image = go(None)
    assert (image.image, image.reason) == (None, "EnvironmentNotFound")
    assert "namespace default nor in footplate-system" in image.message


def test_an_old_version_does_not_stand_in_while_the_new_one_is_built() -> None:
    assert go(make(ready="False", reason="Building")).image is None
    assert go(make(generation=2)).reason == "EnvironmentBuilding"


def test_a_build_that_failed() -> None:
    image = go(make(ready="False", reason="BuildFailed"))
    assert (image.reason, image.message) == ("EnvironmentBuildFailed", "Environment torch: no such package")
