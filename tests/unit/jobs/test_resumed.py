from __future__ import annotations

from typing import Any

import pytest
from job_factory import CONTEXT, after, at, ended, failed_pod, make_job, make_pod, seen

from footplate.jobs.observe import Observed
from footplate.jobs.plan import plan


@pytest.mark.parametrize(
    ("resumed", "told"),
    [
        (None, ""),
        ({"files": 0, "bytes": 0, "damaged": []}, ""),
        ({"files": 3, "bytes": 1234, "damaged": []}, "; resumed with 3 files (1.2 kB) of attempt 1"),
        (
            {"files": 1, "bytes": 5, "damaged": ["a.pt"]},
            "; resumed with 1 file (5 B) of attempt 1, 1 left out as damaged",
        ),
    ],
)
def test_a_running_attempt_says_what_it_went_on_from(resumed: dict[str, Any] | None, told: str) -> None:
    job = make_job(retry={"user": 1})
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    job = after(job, plan(job, seen(failed_pod(0)), CONTEXT, at(12)))
    fetch = ended(0, message={"source": {"revision": "abc"}, "resumed": resumed})
    step = plan(job, seen(make_pod(attempt=2, created=13, fetch=fetch)), CONTEXT, at(20))
    assert step.status.message == "1 of 1 replica running" + told
