"""What people are told of an Environment, by the planner's own statuses."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from environment_factory import BUILDER, NOW, make, pod

from footplate.api.environment import Environment
from footplate.environments.events import events_of
from footplate.environments.observe import BuildPodView
from footplate.environments.plan import plan

IMAGE = "registry/torch@sha256:" + "1" * 64
BUILT = json.dumps({"version": 1, "image": IMAGE})
FAILED = json.dumps({"version": 1, "error": {"message": "no numpy", "lastLines": ["a", "b"]}})


class Story:
    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def look(self, *pods: BuildPodView, seconds: float = 0, builder: Any = BUILDER) -> list[str]:
        step = plan(self.environment, pods, {}, builder, NOW + timedelta(seconds=seconds))
        told = events_of(self.environment.status, step.status)
        self.environment = self.environment.model_copy(update={"status": step.status})
        return [f"{'Warning' if e.warning else 'Normal'} {e.reason}: {e.message}" for e in told]


def test_a_build_from_its_begin_to_its_image() -> None:
    story = Story(make())
    (begun,) = story.look()
    assert begun.startswith("Normal Building: building the image in pod environment-build-")
    assert story.look(pod(story.environment, "Pending", reason="x")) == []
    assert story.look(pod(story.environment, "Succeeded", BUILT), seconds=34) == [
        f"Normal ImageReady: version 1 is {IMAGE}, built in 34 s"
    ]
    assert story.look() == []


def test_an_image_that_is_given_is_ready_at_once() -> None:
    story = Story(make(image="python:3.12"))
    assert story.look() == ["Normal ImageReady: version 1 is python:3.12"]


def test_a_failed_build_in_a_sentence() -> None:
    story = Story(make())
    story.look()
    failed = pod(story.environment, "Failed", FAILED)
    (line,) = story.look(failed)
    assert line.startswith("Warning BuildFailed: no numpy (kubectl logs -n default environment-build-")
    assert "\n" not in line
    assert story.look(failed) == []
    (again,) = story.look()
    assert again.startswith("Normal Building")


def test_a_build_that_was_stopped_begins_again() -> None:
    story = Story(make())
    story.look()
    (line,) = story.look(pod(story.environment, "Failed", deleting=True))
    assert line.startswith("Warning BuildInterrupted: ")
    (again,) = story.look()
    assert again.startswith("Normal Building")


def test_why_nothing_is_built() -> None:
    story = Story(make())
    (line,) = story.look(builder=None)
    assert line.startswith("Warning NoBuilder: ")
    assert story.look(builder=None) == []


def test_the_same_trouble_with_another_spec_is_told_again() -> None:
    story = Story(make())
    story.look(builder=None)
    metadata = story.environment.metadata.model_copy(update={"generation": 5})
    story.environment = story.environment.model_copy(update={"metadata": metadata})
    assert len(story.look(builder=None)) == 1
