"""Patterns for the console that find nothing: such a job is refused before any pod is made. Pure."""

from __future__ import annotations

import re

from footplate.api.training_job import TrainingJobSpec
from footplate_runtime.contract import STEP


def wrong_pattern(spec: TrainingJobSpec) -> str | None:
    """One sentence that names the field and what is wrong with it; None when nothing is."""
    for i, text in enumerate(spec.metrics.stdout):
        field = f"spec.metrics.stdout[{i}]"
        try:
            names = set(re.compile(text).groupindex)
        except (re.error, RecursionError, OverflowError) as error:
            return f"{field} is no regular expression of Python: {error}"
        if not names - {STEP}:
            return f"{field} names no metric: give it a named group, e.g. 'loss: (?P<loss>[0-9.eE+-]+)'"
    return None
