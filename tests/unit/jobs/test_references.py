"""A job whose arguments name what is not there is refused before any pod is made."""

from __future__ import annotations

from typing import Any

import pytest
from job_factory import CONTEXT, at, make_job

from footplate.api.phases import Phase
from footplate.jobs.observe import Observed
from footplate.jobs.plan import plan

DIGITS = [{"name": "digits", "uri": "s3://data/digits/"}]


@pytest.mark.parametrize(
    "spec",
    [
        {
            "entrypoint": {
                "script": "a.py",
                "args": ["$(inputs.digits)", "$(outputs)/x", "$(job)", "$$(nope)", "$(a b)"],
            }
        },
        {"entrypoint": {"command": ["run", "$(inputs.digits)"]}},
        {"parameters": {"data": "$(inputs.digits)", "epochs": 3, "amp": True}},
        {"entrypoint": {"command": ["sh", "-c", "echo $(hostname)"], "launcher": False}},
    ],
)
def test_what_is_known_is_fine(spec: dict[str, Any]) -> None:
    step = plan(make_job(inputs=DIGITS, **spec), Observed(), CONTEXT, at(1))
    assert step.status.phase == Phase.SCALING


@pytest.mark.parametrize(
    ("spec", "name", "field"),
    [
        (
            {"entrypoint": {"script": "a.py", "args": ["x", "--in=$(inputs.digit)"]}},
            "inputs.digit",
            "entrypoint.args[1]",
        ),
        ({"entrypoint": {"command": ["sh", "-c", "ls $(output)"]}}, "output", "entrypoint.command[2]"),
        ({"parameters": {"name": "$(job.name)"}}, "job.name", "parameters.name"),
        ({"parameters": {"name": "$()"}}, "", "parameters.name"),
    ],
)
def test_what_is_not_is_refused(spec: dict[str, Any], name: str, field: str) -> None:
    step = plan(make_job(inputs=DIGITS, retry={"user": 3}, **spec), Observed(), CONTEXT, at(1))
    assert (step.status.phase, step.status.reason, step.create) == (Phase.FAILED, "InvalidSpec", ())
    assert step.status.message == (
        f"$({name}) in spec.{field} is not known; known are $(inputs.digits), $(job), $(outputs). "
        f"Write $$({name}) for a literal $({name})"
    )
