"""What a reconcile returns when it did not fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing to do until something changes."""


@dataclass(frozen=True, slots=True)
class After:
    """Look again after so many seconds, or earlier when something changes."""

    seconds: float


Result = Done | After
