"""How an Environment is doing in one word, and what one write of its status tells of its build. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from footplate.api.conditions import BUILDING, READY, get_condition
from footplate.api.environment import EnvironmentStatus


@dataclass(frozen=True, slots=True)
class Build:
    """A build that is over."""

    seconds: float
    succeeded: bool


class BuildObserver(Protocol):
    """Hears of each build once its end is in the status; the metrics are one."""

    def built(self, build: Build) -> None: ...


def state(status: EnvironmentStatus) -> str:
    """Ready, Building, or the reason why it is neither; New when nobody has looked at it yet."""
    for kind in (READY, BUILDING):
        condition = get_condition(status.conditions, kind)
        if condition is not None and condition.status == "True":
            return kind
    ready = get_condition(status.conditions, READY)
    return ready.reason if ready is not None else "New"


def ended_build(before: EnvironmentStatus, after: EnvironmentStatus) -> Build | None:
    """The build that was over with this write, timed from the first write that told of it."""
    was, now = get_condition(before.conditions, BUILDING), get_condition(after.conditions, BUILDING)
    if was is None or now is None or was.status != "True" or now.status == "True":
        return None
    seconds = (now.last_transition_time - was.last_transition_time).total_seconds()
    return Build(seconds, state(after) == READY)
