"""docs/monitoring.md names every metric of the operator, and none that it does not have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from operator_series import exposed
from promql import labels_of, uses

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/monitoring.md").read_text()
ROW = re.compile(r"^\| `(footplate_\w+)(?:\{([\w,]+)\})?` \| (\w+) \|", re.MULTILINE)
DOCUMENTED = {
    name: (kind, frozenset(labels.split(",")) if labels else frozenset()) for name, labels, kind in ROW.findall(PAGE)
}


def test_every_metric_is_documented_with_its_type_and_labels_and_none_else_is() -> None:
    ours = {name: series for name, series in exposed().items() if name.startswith("footplate_")}
    assert {name: (series.kind, series.labels) for name, series in ours.items()} == DOCUMENTED


@pytest.mark.parametrize("name", [name for name in exposed() if not name.startswith("footplate_")])
def test_those_of_the_process_are_named(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_no_label_grows_with_the_work() -> None:
    allowed = {"phase", "reason", "framework", "outcome", "budget", "state", "version", "python", "kind", "error"}
    allowed |= {"verb", "code", "resource", "type"}
    assert {label for series in exposed().values() for label in series.labels} <= allowed


QUERIES = [line for block in re.findall(r"```promql\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_page_asks_for_series_and_labels_that_there_are(query: str) -> None:
    assert all(use.labels <= labels_of()[use.series] for use in uses(query))
