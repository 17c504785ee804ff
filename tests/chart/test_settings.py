"""The operator takes the settings that the chart writes, and means by them what the values say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chart import CHART, NAMESPACE, STORE, render
from chart_schema import DERIVED
from chart_values import documented

from footplate.settings import RuntimeResources, Settings
from footplate.settings_file import parse

FILE = Path("settings.yaml")
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\nAB==\n-----END CERTIFICATE-----\n"


def settings(values: dict[str, Any] | None = None) -> Settings:
    return parse(render(values).settings_text.encode(), FILE)


def test_without_more_than_a_store_all_is_the_default_of_the_operator_but_what_the_release_knows() -> None:
    given = settings().model_dump()
    assert given.pop("operator_namespace") == NAMESPACE
    assert given.pop("runtime_image") == "docker.io/footplate/runtime:0.1.0"
    assert given.pop("runtime_pull_policy") == "IfNotPresent"
    assert given.pop("store")["uri"] == STORE
    assert given == {key: value for key, value in Settings(store={"uri": STORE}).model_dump().items() if key in given}


def test_default_resources_are_those_of_the_operator() -> None:
    values = {value.name: value.default for value in documented((CHART / "values.yaml").read_text())}
    known = RuntimeResources().model_dump(mode="json")
    assert {name: values[f"runtime.resources.{name}"] for name in known} == known


OWN = {
    "qps": 1000000,
    "burst": 7,
    "workers": 3,
    "sweepSeconds": 12.5,
    "pollSeconds": 1,
    "leaderElection": False,
    "leaseSeconds": {"duration": 30, "renew": 20, "retry": 4},
}


@pytest.mark.parametrize("name", OWN)
def test_a_setting_is_passed_on(name: str) -> None:
    (field,) = [key for key, info in Settings.model_fields.items() if info.alias == name]
    given = getattr(settings({"settings": {name: OWN[name]}}), field)
    assert (given.model_dump() if hasattr(given, "model_dump") else given) == OWN[name]


def test_every_setting_can_be_set() -> None:
    assert {info.alias for info in Settings.model_fields.values()} == {*OWN, *DERIVED}


def test_values_reach_the_operator_as_they_are() -> None:
    """Also those that YAML would take for something else."""
    store = {"region": "12", "endpoint": "https://a:1", "caCertificate": PEM, "secretName": "1"}
    builder = {
        "image": "b",
        "command": ["yes", "1"],
        "env": {"A": "true", "B": "0x1", "C": "a: b\n"},
        "securityContext": {"runAsUser": 0},
    }
    found = settings(
        {"store": store, "builder": builder, "watchNamespaces": ["1", "a"], "imagePullSecrets": [{"name": "1e3"}]}
    ).model_dump(mode="json", by_alias=True)
    assert found["store"] == {"uri": STORE, "pathStyle": True, **store}
    assert found["builder"] == builder
    assert (found["namespaces"], found["imagePullSecrets"]) == (["1", "a"], ["1e3"])


def test_other_settings_restart_the_operator_and_the_same_do_not() -> None:
    def checksum(values: dict[str, Any]) -> str:
        place = "Deployment:spec.template.metadata.annotations.checksum/settings"
        found: str = render(values).at(place)
        return found

    assert checksum({"settings": {"qps": 50}}) != checksum({})
    assert checksum({"store": {"region": "eu"}}) != checksum({})
    assert checksum({"replicas": 2, "resources": {"limits": {"memory": "1Gi"}}}) == checksum({})


def test_operators_that_agree_by_a_lease_overlap_and_others_never_do() -> None:
    assert render().at("Deployment:spec.strategy") == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    alone = render({"settings": {"leaderElection": False}})
    assert alone.at("Deployment:spec.strategy") == {"type": "Recreate"}
    assert [role["metadata"]["name"] for role in alone.of_kind("Role")] == []
