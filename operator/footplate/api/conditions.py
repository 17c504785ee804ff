"""Conditions of a status, for `kubectl wait` (Kubernetes: API conventions, typical status properties)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from footplate.api.base import Schema
from footplate.api.scalars import Time, list_map

# TrainingJob
ADMITTED = "Admitted"
ENVIRONMENT_READY = "EnvironmentReady"
RUNNING = "Running"
OUTPUTS_PERSISTED = "OutputsPersisted"
COMPLETE = "Complete"
FAILED = "Failed"
NOT_RESPONDING = "NotResponding"
# the other kinds
READY = "Ready"
BUILDING = "Building"

ConditionStatus = Literal["True", "False", "Unknown"]

MAX_MESSAGE = 32768  # Kubernetes: metav1.Condition


class Condition(Schema):
    """One observation of an object's state."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """What is observed, e.g. Complete."""
    status: ConditionStatus
    """True, False or Unknown."""
    reason: Annotated[str, Field(max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    """Why, as one stable CamelCase word."""
    message: Annotated[str, Field(max_length=MAX_MESSAGE)] = ""
    """Why, as a sentence for a person."""
    last_transition_time: Time
    """When the status last changed."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the object that was looked at."""


Conditions = Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=list_map("type"))]


def get_condition(conditions: Sequence[Condition], type_: str) -> Condition | None:
    """The condition of that type, if it is there."""
    return next((condition for condition in conditions if condition.type == type_), None)


def set_condition(
    conditions: Sequence[Condition],
    type_: str,
    status: bool | ConditionStatus,
    reason: str,
    message: str,
    now: datetime,
    generation: int | None = None,
) -> tuple[Condition, ...]:
    """`conditions` with that one in place of its like, or added at the end.

    `last_transition_time` becomes `now` only when the status changes, as `kubectl wait` and people read it. A message
    longer than the schema allows is cut.
    """
    if isinstance(status, bool):
        status = "True" if status else "False"
    before = get_condition(conditions, type_)
    changed = before is None or before.status != status
    after = Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message[:MAX_MESSAGE],
        last_transition_time=now if before is None or changed else before.last_transition_time,
        observed_generation=generation,
    )
    if before is None:
        return (*conditions, after)
    return tuple(after if condition.type == type_ else condition for condition in conditions)
