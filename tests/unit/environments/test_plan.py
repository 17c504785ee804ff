"""Versions of an Environment: what is built, what is reused, what is said."""

from __future__ import annotations

from typing import Any

import pytest
from environment_factory import BUILDER, NOW, make, pod

from footplate.api.conditions import get_condition
from footplate.api.environment import Environment
from footplate.environments.builders import Builder, LogKeeper, build_pod_name
from footplate.environments.content_hash import content_hash
from footplate.environments.observe import BuildPodView
from footplate.environments.plan import Built, Plan, plan
from footplate.jobs.context import Runtime, StoreAddress


def ready(step: Plan) -> tuple[str, str]:
    condition = get_condition(step.status.conditions, "Ready")
    assert condition is not None
    return condition.status, condition.reason


def after(environment: Environment, step: Plan) -> Environment:
    return environment.model_copy(update={"status": step.status})


def go(environment: Environment, *pods: BuildPodView, built: Any = None, builder: Builder | None = BUILDER) -> Plan:
    return plan(environment, pods, built or {}, builder, NOW)


def test_an_image_is_a_version_at_once() -> None:
    step = go(make(image="python:3.12"))
    assert step.create == ()
    assert [(v.number, v.image) for v in step.status.versions] == [(1, "python:3.12")]
    assert ready(step) == ("True", "ImageReady")
    assert step.status.latest_version == 1
    assert step.status.observed_generation == 4


def test_a_pip_list_is_built_in_a_pod() -> None:
    environment = make()
    step = go(environment)
    assert [m["metadata"]["name"] for m in step.create] == [build_pod_name(content_hash(environment.spec))]
    assert ready(step) == ("False", "Building")
    assert go(environment, pod(environment, "Running")).create == ()


def test_the_builders_word_makes_the_version() -> None:
    environment = make()
    done = pod(environment, "Succeeded", '{"image": "env@sha256:1", "lock": "file:///lock", "python": "3.11.7"}')
    step = go(environment, done)
    version = step.status.versions[0]
    assert (version.image, version.lock, version.python) == ("env@sha256:1", "file:///lock", "3.11.7")
    assert ready(step) == ("True", "ImageReady")
    later = go(after(environment, step), done)
    assert later.status == step.status
    assert [p.key.name for p in later.delete] == [done.key.name]


def test_a_failed_build_says_why_and_waits_for_its_pod_to_be_deleted() -> None:
    environment = make()
    error = '{"error": {"message": "no matching distribution for nunpy", "lastLines": ["ERROR: x"]}}'
    step = go(environment, pod(environment, "Failed", error))
    assert ready(step) == ("False", "BuildFailed")
    condition = get_condition(step.status.conditions, "Ready")
    assert condition is not None
    assert condition.message.startswith(
        "no matching distribution for nunpy (kubectl logs -n default environment-build-"
    )
    assert (step.create, step.delete) == ((), [])
    assert len(go(after(environment, step)).create) == 1


def test_the_same_content_never_builds_twice() -> None:
    environment = make()
    built = {content_hash(environment.spec): Built("env@sha256:1")}
    step = go(environment, built=built)
    assert step.create == ()
    assert step.status.versions[0].image == "env@sha256:1"


def test_a_changed_spec_is_a_new_version_and_ends_the_old_build() -> None:
    first = make(pip=["numpy"])
    step = go(first, pod(first, "Succeeded", '{"image": "env@sha256:1"}'))
    second = make(status=step.status.to_json(), pip=["numpy", "scipy"])
    step = go(second, pod(first, "Running"))
    assert len(step.create) == 1
    assert len(step.delete) == 1
    step = go(second, pod(second, "Succeeded", '{"image": "env@sha256:2"}'))
    assert [(v.number, v.image) for v in step.status.versions] == [(1, "env@sha256:1"), (2, "env@sha256:2")]


@pytest.mark.parametrize("spec", [{"image": "a"}, {"dockerfile": "FROM a"}])
def test_variables_are_no_part_of_an_image_that_is_built_without_them(spec: dict[str, Any]) -> None:
    assert content_hash(make(**spec, variables={"A": "1"}).spec) == content_hash(make(**spec).spec)


def test_no_variables_are_as_none() -> None:
    assert content_hash(make(pip=["a"], variables={}).spec) == content_hash(make(pip=["a"]).spec)


@pytest.mark.parametrize(
    "spec",
    [
        {"pip": ["b"]},
        {"pip": ["a"], "python": "3.12"},
        {"pip": ["a"], "variables": {"A": "1"}},
        {"pip": ["a"], "buildRequirements": ["wheel"]},
        {"conda": "a"},
        {"conda": "a", "variables": {"A": "1"}},
    ],
)
def test_what_makes_another_image(spec: dict[str, Any]) -> None:
    assert content_hash(make(**spec).spec) != content_hash(make(pip=["a"]).spec)
    without = {name: value for name, value in spec.items() if name != "variables"}
    assert (content_hash(make(**spec).spec) == content_hash(make(**without).spec)) == ("variables" not in spec)


def test_without_a_builder() -> None:
    step = go(make(), builder=None)
    assert ready(step) == ("False", "NoBuilder")


DISRUPTED = [{"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}]


def test_a_build_that_was_stopped_from_outside_begins_again() -> None:
    environment = make()
    stopped = pod(environment, "Failed", reason="Terminated", conditions=DISRUPTED)
    step = go(environment, stopped)
    assert ready(step) == ("False", "BuildInterrupted")
    assert step.delete == [stopped]
    leaving = pod(environment, "Failed", reason="Terminated", conditions=DISRUPTED, deleting=True)
    assert go(environment, leaving).delete == []
    assert len(go(environment).create) == 1


def test_a_build_pod_that_is_deleted_is_no_failed_build() -> None:
    environment = make()
    step = go(environment, pod(environment, "Failed", deleting=True))
    assert ready(step) == ("False", "BuildInterrupted")
    assert (step.create, step.delete) == ((), [])


def test_a_build_evicted_under_pressure_has_failed() -> None:
    environment = make()
    assert ready(go(environment, pod(environment, "Failed", reason="Evicted", conditions=DISRUPTED))) == (
        "False",
        "BuildFailed",
    )


def test_where_the_log_of_a_build_is() -> None:
    keeper = LogKeeper(Runtime("runtime"), StoreAddress("s3://runs"))
    builder = Builder("footplate/runtime", ["build"], log=keeper)
    environment = make()
    uri = keeper.uri(content_hash(environment.spec))
    building = after(environment, go(environment, builder=builder))
    assert (building.status.build_log, building.status.versions) == (uri, ())
    failed = after(building, go(building, pod(building, "Failed", '{"error": {"message": "no"}}'), builder=builder))
    assert failed.status.build_log == uri, "also of one that failed"
    done = after(building, go(building, pod(building, "Succeeded", '{"image": "env@1"}'), builder=builder))
    assert (done.status.build_log, done.status.versions[-1].build_log) == (uri, uri)
    other = go(make(), built={content_hash(environment.spec): Built("env@1", log=uri)}, builder=builder)
    assert other.status.versions[-1].build_log == uri, "who shares the image shares the log"
    ready_made = go(make(image="python:3.11"), builder=builder)
    assert (ready_made.status.build_log, ready_made.status.versions[-1].build_log) == (None, None)
