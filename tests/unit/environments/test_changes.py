"""An Environment's state in one word, and builds that are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from footplate.api.conditions import set_condition
from footplate.api.environment import EnvironmentStatus
from footplate.environments.changes import Build, ended_build, state

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def status(before: EnvironmentStatus, seconds: float, ready: bool, building: bool, reason: str) -> EnvironmentStatus:
    conditions = before.conditions
    for kind, value in (("Ready", ready), ("Building", building)):
        conditions = set_condition(conditions, kind, value, reason, "", START + timedelta(seconds=seconds))
    return before.model_copy(update={"conditions": conditions})


NEW = EnvironmentStatus()
BUILDING = status(NEW, 10, False, True, "Building")
READY = status(BUILDING, 130, True, False, "ImageReady")
FAILED = status(BUILDING, 40, False, False, "BuildFailed")
WITHOUT = status(NEW, 1, False, False, "NoBuilder")


@pytest.mark.parametrize(
    ("given", "expected"),
    [(NEW, "New"), (BUILDING, "Building"), (READY, "Ready"), (FAILED, "BuildFailed"), (WITHOUT, "NoBuilder")],
)
def test_state(given: EnvironmentStatus, expected: str) -> None:
    assert state(given) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (NEW, BUILDING, None),
        (BUILDING, status(BUILDING, 20, False, True, "Building"), None),
        (BUILDING, READY, Build(120, True)),
        (BUILDING, FAILED, Build(30, False)),
        (READY, status(READY, 200, True, False, "ImageReady"), None),
        (NEW, status(NEW, 5, True, False, "ImageReady"), None),
    ],
)
def test_ended_build(before: EnvironmentStatus, after: EnvironmentStatus, expected: Build | None) -> None:
    assert ended_build(before, after) == expected
