"""What the settings say of our own containers is what all pods have that the operator makes."""

from __future__ import annotations

from typing import Any

import pytest
from job_factory import after, at, failed_pod, make_job, seen

from footplate.api.environment import Environment
from footplate.app import builder_of, context_of
from footplate.constants import FINALIZER
from footplate.environments.builders import build_pod
from footplate.jobs.observe import Observed
from footplate.jobs.plan import plan
from footplate.settings import Settings

FETCH = {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}
AGENT = {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "ephemeral-storage": "1Gi"}}
SETTINGS = Settings.model_validate(
    {
        "store": {"uri": "s3://runs"},
        "runtimeImage": "mirror/runtime:7",
        "runtimePullPolicy": "Always",
        "runtimeResources": {"fetch": FETCH, "agent": AGENT},
        "imagePullSecrets": ["mirror", "hub"],
        "builder": {"image": "mirror/builder:7"},
    }
)
THEIRS = {"spec": {"imagePullSecrets": [{"name": "hub"}, {"name": "mine"}]}}


def replicas_pod(settings: Settings, **spec: Any) -> dict[str, Any]:
    made = plan(make_job(**spec), Observed(), context_of(settings), at(1)).create
    return dict(next(m for m in made if m["kind"] == "Pod"))


def recorders_pod(settings: Settings, **spec: Any) -> dict[str, Any]:
    job = make_job(**spec)
    context = context_of(settings)
    job = after(job, plan(job, Observed(), context, at(1)))
    job = after(job, plan(job, seen(failed_pod(0)), context, at(12)))
    held = job.model_copy(update={"metadata": job.metadata.model_copy(update={"finalizers": (FINALIZER,)})})
    made = plan(held, seen(), context, at(13)).recording.create
    assert made is not None
    return dict(made)


def builds_pod(settings: Settings) -> dict[str, Any]:
    environment = Environment.model_validate({"metadata": {"name": "e", "namespace": "ml"}, "spec": {"pip": ["numpy"]}})
    builder = builder_of(settings)
    assert builder is not None
    return build_pod(environment, "0" * 64, builder)


def containers(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
    return {container["name"]: container for container in found}


PODS = {"replica": replicas_pod(SETTINGS), "record": recorders_pod(SETTINGS), "build": builds_pod(SETTINGS)}
OURS = [("replica", "fetch", FETCH), ("replica", "agent", AGENT), ("record", "record", AGENT)]
OURS += [("build", "build-log", AGENT)]


@pytest.mark.parametrize(("pod", "name", "resources"), OURS)
def test_our_containers_are_run_as_the_settings_say(pod: str, name: str, resources: dict[str, Any]) -> None:
    container = containers(PODS[pod])[name]
    assert container["image"] == "mirror/runtime:7"
    assert container["imagePullPolicy"] == "Always"
    assert container["resources"] == resources


def test_there_are_no_others_of_ours() -> None:
    ours = {
        (pod, name)
        for pod, made in PODS.items()
        for name, c in containers(made).items()
        if "mirror/runtime" in c["image"]
    }
    assert ours == {(pod, name) for pod, name, _ in OURS}


@pytest.mark.parametrize("pod", PODS)
def test_all_pods_are_pulled_with_the_secrets(pod: str) -> None:
    assert PODS[pod]["spec"]["imagePullSecrets"] == [{"name": "mirror"}, {"name": "hub"}]


@pytest.mark.parametrize("make", [replicas_pod, recorders_pod])
def test_a_jobs_own_secrets_come_on_top(make: Any) -> None:
    names = [secret["name"] for secret in make(SETTINGS, podTemplate=THEIRS)["spec"]["imagePullSecrets"]]
    assert names == ["mirror", "hub", "mine"]


def test_what_is_not_said_is_left_to_kubernetes() -> None:
    settings = Settings.model_validate({"store": {"uri": "s3://runs"}, "builder": {"image": "builder"}})
    for pod in (replicas_pod(settings), recorders_pod(settings), builds_pod(settings)):
        assert "imagePullSecrets" not in pod["spec"]
        assert not any("imagePullPolicy" in container for container in containers(pod).values())


def test_without_a_builder_there_is_none() -> None:
    assert builder_of(Settings.model_validate({"store": {"uri": "s3://runs"}})) is None
