"""The alerts: they ask for series that there are, fire when they should, and say what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart import CHART, NAMESPACE, merged, nested, render
from promql import labels_of, uses

from footplate.jobs.diagnosis import Cause

ROOT = CHART.parents[1]
CASES = Path(__file__).parent / "alert_cases.yaml"
PAGE = (ROOT / "docs/monitoring.md").read_text()
ON = {"monitoring": {"force": True, "prometheusRule": {"enabled": True}}}
RULE = "monitoring.prometheusRule"
PROMTOOL = shutil.which("promtool")


def groups(**values: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = render(merged(ON, values)).one("PrometheusRule")["spec"]["groups"]
    return found


def alerts(**values: Any) -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in groups(**values) for rule in group["rules"]}


ALERTS = alerts()


@pytest.mark.parametrize("name", ALERTS)
def test_it_asks_for_series_and_labels_that_there_are(name: str) -> None:
    found = uses(ALERTS[name]["expr"])
    assert found
    for use in found:
        assert use.labels <= labels_of()[use.series], use
        assert set(use.asked.get("reason", Cause.NODE_LOST).split("|")) <= set(Cause), use
        if not use.series.startswith("footplate_agent_"):
            assert use.asked["namespace"] == NAMESPACE, "another operator of the same Prometheus is not meant"


@pytest.mark.parametrize("name", ALERTS)
def test_its_text_names_labels_that_the_result_has(name: str) -> None:
    rule = ALERTS[name]
    named = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    grouped = {label for labels in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in labels.split(", ")}
    assert named <= grouped
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"].endswith(".")
    assert len(rule["annotations"]["description"]) > 60


def test_the_page_says_what_to_do_about_each_and_links_lead_there() -> None:
    told = re.findall(r"^### (Footplate\w+)$", PAGE, re.MULTILINE)
    assert told == list(ALERTS)
    url = "https://docs.example/monitoring.html"
    for name, rule in alerts(**nested(f"{RULE}.runbookUrl", url)).items():
        assert rule["annotations"]["runbook_url"] == f"{url}#{name.lower()}", "as the anchors of headings are made"


def test_an_alert_that_is_not_wanted_is_left_out() -> None:
    disabled = {"FootplateRateLimited", "FootplateUploadLag"}
    assert set(ALERTS) - set(alerts(**nested(f"{RULE}.disabled", sorted(disabled)))) == disabled


def test_labels_for_routing_are_on_all_and_do_not_replace_the_severity() -> None:
    found = alerts(**nested(f"{RULE}.alertLabels", {"team": "ml", "severity": "none"}))
    assert {rule["labels"]["team"] for rule in found.values()} == {"ml"}
    assert {rule["labels"]["severity"] for rule in found.values()} == {"critical", "warning"}


@pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool on the PATH (Debian: apt-get install prometheus)")
def test_prometheus_takes_them_and_they_fire_when_they_should(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups()}))
    (tmp_path / "cases.yaml").write_text(CASES.read_text())
    for command in (["check", "rules", "rules.yaml"], ["test", "rules", "cases.yaml"]):
        done = subprocess.run([str(PROMTOOL), *command], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    fired = re.findall(r'alertname="(\w+)"', CASES.read_text())
    assert set(fired) == set(ALERTS)
