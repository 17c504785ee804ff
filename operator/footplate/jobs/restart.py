"""Whether a failed attempt is followed by another: budgets, retryable exit codes, permanent causes. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from footplate.api.training_job_spec import Retry
from footplate.api.training_job_status import RetryCounts
from footplate.jobs.diagnosis import INFRASTRUCTURE, PERMANENT, Cause, Diagnosis


@dataclass(frozen=True, slots=True)
class Decision:
    """`again` says whether the next attempt starts; `spent` is what the budgets have given after it."""

    again: bool
    spent: RetryCounts
    budget: str  # "infrastructure retry 1 of 3", or why there is no other attempt; may be empty


def decide(policy: Retry, spent: RetryCounts, failure: Diagnosis) -> Decision:
    """Infrastructure causes spend `retry.infrastructure`, permanent ones nothing, all others `retry.user`."""
    if failure.cause in PERMANENT:
        return Decision(False, spent, "")
    if failure.cause in INFRASTRUCTURE:
        number = spent.infrastructure + 1
        if number > policy.infrastructure:
            return Decision(False, spent, _exhausted("infrastructure", policy.infrastructure))
        return Decision(
            True,
            spent.model_copy(update={"infrastructure": number}),
            f"infrastructure retry {number} of {policy.infrastructure}",
        )
    codes = policy.retryable_exit_codes
    if codes and failure.cause in (Cause.USER_ERROR, Cause.SIGNAL) and failure.exit_code not in codes:
        return Decision(False, spent, f"exit code {failure.exit_code} is not among retry.retryableExitCodes")
    number = spent.user + 1
    if number > policy.user:
        return Decision(False, spent, _exhausted("user", policy.user))
    return Decision(True, spent.model_copy(update={"user": number}), f"retry {number} of {policy.user}")


def _exhausted(name: str, budget: int) -> str:
    return f"all {budget} of retry.{name} are spent" if budget else ""
