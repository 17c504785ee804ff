"""Every container of ours that speaks to the store has its keys in both ways, and its pod the volume for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from job_factory import CONTEXT, at, make_job

from footplate.api.environment import Environment
from footplate.environments.builders import Builder, LogKeeper, build_pod
from footplate.jobs.observe import Observed
from footplate.jobs.plan import plan
from footplate.jobs.recorder import recorder_pod


def _replica() -> Mapping[str, Any]:
    return next(made for made in plan(make_job(), Observed(), CONTEXT, at(1)).create if made["kind"] == "Pod")


def _build() -> Mapping[str, Any]:
    body = {"metadata": {"name": "e", "namespace": "default"}, "spec": {"pip": ["numpy"]}}
    builder = Builder("builder", ["build"], log=LogKeeper(CONTEXT.runtime, CONTEXT.store))
    return build_pod(Environment.model_validate(body), "0" * 64, builder)


@pytest.mark.parametrize(
    ("pod", "with_keys"),
    [
        (_replica(), ["fetch", "agent"]),
        (recorder_pod(make_job(), CONTEXT, 60.0), ["record"]),
        (_build(), ["build-log"]),
    ],
    ids=["replica", "recorder", "build"],
)
def test_our_containers_have_the_keys_and_no_other_has(pod: Mapping[str, Any], with_keys: list[str]) -> None:
    spec = pod["spec"]
    secret = CONTEXT.store.secret_name
    volume = {"name": "store-keys", "secret": {"secretName": secret, "optional": True}}
    mount = {"name": "store-keys", "mountPath": "/var/run/footplate/store", "readOnly": True}
    assert volume in spec["volumes"]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        mine = container["name"] in with_keys
        variables = {entry["name"]: entry.get("value") for entry in container["env"]}
        assert (mount in container.get("volumeMounts", ())) is mine
        assert (variables.get("FOOTPLATE_STORE_KEYS") == mount["mountPath"]) is mine
        assert (secret in str(container.get("envFrom", ""))) is mine
