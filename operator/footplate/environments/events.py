"""What a person is told of an Environment, from what one write of its status changes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from footplate.api.conditions import BUILDING, READY, Condition, get_condition
from footplate.api.environment import EnvironmentStatus
from footplate.environments.changes import ended_build
from footplate.events import Event, warning


def events_of(before: EnvironmentStatus, after: EnvironmentStatus) -> Sequence[Event]:
    """One at most: a new version, a build that began, was stopped or failed, or why there is none."""
    ready = get_condition(after.conditions, READY)
    if ready is None:
        return ()
    if ready.status == "True":
        return _new_version(before, after)
    was = get_condition(before.conditions, READY)
    same = was is not None and (was.status, was.reason) == ("False", ready.reason)
    if same and before.observed_generation == after.observed_generation:
        return ()
    sentence = ready.message.partition("\n")[0]
    if _true(get_condition(after.conditions, BUILDING)):
        stopped = ready.reason != "Building"
        return [Event(ready.reason, sentence, "Build", warning=stopped)]
    return [warning(ready.reason, sentence, "Build")]


def _new_version(before: EnvironmentStatus, after: EnvironmentStatus) -> Sequence[Event]:
    if not after.versions or after.versions == before.versions:
        return ()
    version = after.versions[-1]
    build = ended_build(before, after)
    took = f", built in {build.seconds:.0f} s" if build else ""
    return [Event("ImageReady", f"version {version.number} is {version.image}{took}", "Build")]


def _true(condition: Condition | None) -> bool:
    return condition is not None and condition.status == "True"
