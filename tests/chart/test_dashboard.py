"""The Grafana dashboard shows series that there are, and nothing of one installation is in it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from chart import CHART, render
from promql import labels_of, uses

from footplate.api.phases import Phase
from footplate_runtime.agent.prometheus import SERIES

ROOT = CHART.parents[1]
TEXT = (CHART / "dashboards/footplate.json").read_text()
DASHBOARD = json.loads(TEXT)
PANELS = DASHBOARD["panels"]
SHOWN = [panel for panel in PANELS if panel["type"] != "row"]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
TARGETS = [
    pytest.param(target, id=f"{panel['title']}-{target['refId']}") for panel in SHOWN for target in panel["targets"]
]
LABELS = labels_of()


def test_grafana_folder_and_config_map_have_the_same_file() -> None:
    (found,) = (
        render({"monitoring": {"dashboard": {"enabled": True}}}).one("ConfigMap", "footplate-dashboard")["data"].items()
    )
    assert found == ("footplate.json", TEXT)
    assert (ROOT / "grafana/footplate.json").read_text() == TEXT


@pytest.mark.parametrize("target", TARGETS)
def test_an_expression_asks_for_series_and_labels_that_there_are(target: dict[str, Any]) -> None:
    found = uses(target["expr"])
    assert found
    for use in found:
        assert use.labels <= LABELS[use.series], use
        assert not {"phase"} & set(use.asked) or set(re.split(r"\|", use.asked["phase"])) <= {*Phase, "New"}, use


@pytest.mark.parametrize("target", TARGETS)
def test_what_a_legend_names_is_in_the_result(target: dict[str, Any]) -> None:
    named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    if "and on (instance)" not in target["expr"]:
        grouped = {label for labels in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in labels.split(", ")}
        assert named <= grouped


def test_every_metric_is_shown() -> None:
    shown = {re.sub("_(bucket|sum|count)$", "", use.series) for t in TARGETS for use in uses(t.values[0]["expr"])}
    left_out = {re.sub("_(bucket|sum|count)$", "", name) for name in LABELS} - shown
    details = {series.name for series in SERIES}  # of one agent, for who looks for the cause of something
    assert {name for name in left_out if name.startswith("footplate_")} <= details


def test_no_two_panels_have_one_id_or_one_place() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert {x for x, _ in cells} == set(range(24))


def test_the_data_source_is_a_variable_everywhere() -> None:
    assert VARIABLES["datasource"]["type"] == "datasource"
    places = [*SHOWN, *(t.values[0] for t in TARGETS), *(v for v in VARIABLES.values() if v["type"] == "query")]
    assert {place["datasource"]["uid"] for place in places} == {"${datasource}"}


def test_variables_that_are_used_are_there_and_ask_for_what_there_is() -> None:
    used = {name for name in re.findall(r"\$\{?(\w+)", TEXT) if not name.startswith("__")}
    assert used == set(VARIABLES)
    for variable in VARIABLES.values():
        if variable["type"] == "query":
            series, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
            assert label in LABELS[series]


@pytest.mark.parametrize("panel", SHOWN, ids=lambda panel: panel["title"])
def test_a_panel_says_its_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    if panel["type"] != "table":
        assert panel["fieldConfig"]["defaults"]["unit"]
