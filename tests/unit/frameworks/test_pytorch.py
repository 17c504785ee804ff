from __future__ import annotations

from typing import Any

import pytest
from job_factory import make_job

from footplate.frameworks import framework_of


@pytest.mark.parametrize(
    ("nodes", "min_nodes", "retry", "least", "restarts"),
    [
        (3, None, {}, 3, 0),
        (3, 3, {}, 3, 0),  # every worker is needed: none may be lost
        (3, 2, {}, 2, 2 * (3 + 0 + 1)),
        (8, 2, {"infrastructure": 0, "user": 1}, 2, 2 * (0 + 1 + 6)),
    ],
)
def test_how_many_may_be_lost_and_how_often(
    nodes: int, min_nodes: int | None, retry: dict[str, int], least: int, restarts: int
) -> None:
    distribution: dict[str, Any] = {"pytorch": {"minNodes": min_nodes}}
    spec = make_job(nodes=nodes, distribution=distribution, retry=retry).spec
    framework = framework_of(spec)
    assert framework.least(spec) == least
    assert framework.launch(spec, 23456)["maxRestarts"] == restarts
