from __future__ import annotations

import pytest
from job_factory import make_job

from footplate.api.training_job_spec import Distribution
from footplate.frameworks import framework_of


@pytest.mark.parametrize("name", sorted(Distribution.model_fields))
def test_every_distribution_of_the_api_has_its_framework(name: str) -> None:
    spec = make_job(distribution={name: {}}).spec
    framework = framework_of(spec)
    assert framework.name == name
    assert framework.primary_role(spec) == "worker"
    assert framework.launch(spec, 23456)


@pytest.mark.parametrize("distribution", [None, {}])
def test_a_job_without_one_is_single(distribution: dict[str, object] | None) -> None:
    assert framework_of(make_job(distribution=distribution).spec).name == "single"
