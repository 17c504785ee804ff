from __future__ import annotations

from typing import Any

import pytest
from job_factory import make_job

from footplate.frameworks import framework_of, gpus


def deciding(**tensorflow: Any) -> list[str]:
    """The replicas that decide, of a job with that distribution."""
    spec = make_job(distribution={"tensorflow": tensorflow}).spec
    framework = framework_of(spec)
    every = [(role, index) for role, count in framework.roles(spec).items() for index in range(count)]
    return [f"{role}-{index}" for role, index in every if framework.decides(spec, role, index)]


@pytest.mark.parametrize(
    ("tensorflow", "wanted"),
    [
        ({}, ["worker-0"]),
        ({"workers": 2}, ["worker-0", "worker-1"]),
        ({"workers": 2, "evaluator": True}, ["worker-0", "worker-1"]),
        ({"workers": 2, "chief": True}, ["chief-0", "worker-0", "worker-1"]),
        ({"workers": 2, "parameterServers": 2}, ["worker-0", "worker-1"]),
        ({"workers": 2, "parameterServers": 2, "chief": True, "evaluator": True}, ["chief-0"]),
    ],
)
def test_who_decides(tensorflow: dict[str, Any], wanted: list[str]) -> None:
    assert deciding(**tensorflow) == wanted


@pytest.mark.parametrize(("chief", "primary"), [(True, "chief"), (False, "worker")])
def test_the_primary(chief: bool, primary: str) -> None:
    spec = make_job(distribution={"tensorflow": {"chief": chief, "parameterServers": 1}}).spec
    assert framework_of(spec).primary_role(spec) == primary


def test_what_each_role_needs() -> None:
    tensorflow = {"workers": 2, "parameterServers": 3, "chief": True, "resources": {"chief": {"cpu": "1"}}}
    spec = make_job(resources={"cpu": "8", "gpu": 2}, distribution={"tensorflow": tensorflow}).spec
    framework = framework_of(spec)
    needs = {role: framework.resources(spec, role) for role in framework.roles(spec)}
    assert {role: (need.cpu, need.gpu) for role, need in needs.items()} == {
        "chief": ("1", 0),
        "worker": ("8", 2),
        "ps": ("8", 0),
    }
    assert gpus(framework, spec) == 4


@pytest.mark.parametrize(("host_network", "wanted"), [({}, False), ({"hostNetwork": True}, True)])
def test_pods_on_their_nodes_network_are_known_to_the_launcher(host_network: dict[str, bool], wanted: bool) -> None:
    spec = make_job(distribution={"tensorflow": {}}, podTemplate={"spec": host_network}).spec
    launch = framework_of(spec).launch(spec, 23456)
    assert launch == {"framework": "tensorflow", "port": 2222, "hostPort": 23456, "hostNetwork": wanted}
