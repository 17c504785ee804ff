"""What the chart makes for Prometheus: when, and whether it finds what it is to read."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import helm_python as helm
import pytest
import yaml
from api_objects import DEFINITIONS, created, eventually, read
from api_server import ApiServerInThread
from chart import CHART, NAMESPACE, NOTHING, STORE, merged, nested, render
from chart_values import documented

from footplate.constants import LABEL_ATTEMPT, LABEL_INDEX, LABEL_JOB, LABEL_ROLE

ROOT = CHART.parents[1]
KINDS = {"serviceMonitor": "ServiceMonitor", "podMonitor": "PodMonitor", "prometheusRule": "PrometheusRule"}
ON: dict[str, Any] = {
    "monitoring": {"force": True, **{name: {"enabled": True} for name in (*KINDS, "dashboard")}},
}
ENDPOINT = "ServiceMonitor:spec.endpoints.0"
PODS = "PodMonitor/footplate-agents:spec.podMetricsEndpoints.0"
DROP = [{"action": "drop", "sourceLabels": ["__name__"], "regex": "process_.*"}]


class Case(NamedTuple):
    """Set to `value` beside all that is on, what is at `where` is `expected`; without it something else."""

    value: Any
    where: str
    expected: Any


CASES = {
    "force": Case(False, "ServiceMonitor:metadata.name", NOTHING),
    "serviceMonitor.enabled": Case(False, "ServiceMonitor:metadata.name", NOTHING),
    "serviceMonitor.labels": Case({"release": "p"}, "ServiceMonitor:metadata.labels.release", "p"),
    "serviceMonitor.interval": Case("15s", f"{ENDPOINT}.interval", "15s"),
    "serviceMonitor.scrapeTimeout": Case("5s", f"{ENDPOINT}.scrapeTimeout", "5s"),
    "serviceMonitor.metricRelabelings": Case(DROP, f"{ENDPOINT}.metricRelabelings", DROP),
    "podMonitor.enabled": Case(False, "PodMonitor/footplate-agents:metadata.name", NOTHING),
    "podMonitor.labels": Case({"release": "p"}, "PodMonitor/footplate-agents:metadata.labels.release", "p"),
    "podMonitor.interval": Case("1m", f"{PODS}.interval", "1m"),
    "podMonitor.scrapeTimeout": Case("5s", f"{PODS}.scrapeTimeout", "5s"),
    "podMonitor.metricRelabelings": Case(DROP, f"{PODS}.metricRelabelings", DROP),
    "prometheusRule.enabled": Case(False, "PrometheusRule:metadata.name", NOTHING),
    "prometheusRule.labels": Case({"release": "p"}, "PrometheusRule:metadata.labels.release", "p"),
    "prometheusRule.alertLabels": Case({"team": "ml"}, "PrometheusRule:spec.groups.0.rules.0.labels.team", "ml"),
    "prometheusRule.runbookUrl": Case(
        "https://docs",
        "PrometheusRule:spec.groups.0.rules.0.annotations.runbook_url",
        "https://docs#footplateoperatordown",
    ),
    "prometheusRule.disabled": Case(
        ["FootplateOperatorDown"], "PrometheusRule:spec.groups.0.rules.0.alert", "FootplateNoLeader"
    ),
    "dashboard.enabled": Case(False, "ConfigMap/footplate-dashboard:metadata.name", NOTHING),
    "dashboard.labels": Case({"grafana": "2"}, "ConfigMap/footplate-dashboard:metadata.labels.grafana", "2"),
    "dashboard.annotations": Case({"folder": "ML"}, "ConfigMap/footplate-dashboard:metadata.annotations.folder", "ML"),
}
VALUES = {
    value.name.removeprefix("monitoring."): value.default
    for value in documented((CHART / "values.yaml").read_text())
    if value.path[0] == "monitoring" and not value.section
}
THRESHOLDS = [name for name in VALUES if name.startswith("prometheusRule.thresholds.")]


@pytest.mark.parametrize("name", CASES)
def test_a_value_changes_what_it_says(name: str) -> None:
    value, where, expected = CASES[name]
    assert render(merged(ON, nested(f"monitoring.{name}", value))).at(where) == expected
    assert render(ON).at(where) != expected


@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_threshold_is_in_the_alert_that_its_text_names(name: str) -> None:
    (text,) = [v.text for v in documented((CHART / "values.yaml").read_text()) if v.name == f"monitoring.{name}"]
    alert = text.partition(":")[0]

    def expression(values: dict[str, Any]) -> str:
        groups = render(merged(ON, values)).one("PrometheusRule")["spec"]["groups"]
        (found,) = [rule["expr"] for group in groups for rule in group["rules"] if rule["alert"] == alert]
        return str(found)

    assert expression(nested(f"monitoring.{name}", 0.123)).count("> 0.123") == 1
    assert f"> {VALUES[name]}" in expression({})


def test_no_value_is_left_out() -> None:
    assert set(VALUES) == {*CASES, *THRESHOLDS}


def test_nothing_is_made_unless_it_is_asked_for() -> None:
    assert not any(render({"monitoring": {"force": True}}).of_kind(kind) for kind in KINDS.values())
    assert "monitoring.force" not in render().notes


def test_kinds_that_the_cluster_does_not_have_are_left_out_and_told_of() -> None:
    without = render(merged(ON, {"monitoring": {"force": False}}))
    assert not any(without.of_kind(kind) for kind in KINDS.values())
    for kind in KINDS.values():
        assert kind in without.notes
    assert "monitoring.force" in without.notes
    assert "monitoring.force" not in render(ON).notes


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"serviceMonitor": {"interval": "30"}},
            "at '/monitoring/serviceMonitor/interval': '30' does not match pattern",
        ),
        ({"serviceMonitors": {}}, "at '/monitoring': additional properties 'serviceMonitors' not allowed"),
        (
            {"prometheusRule": {"thresholds": {"apiErrorShare": 5}}},
            "at '/monitoring/prometheusRule/thresholds/apiErrorShare': maximum: got 5, want 1",
        ),
    ],
)
def test_mistakes_are_told(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(helm.HelmError) as refused:
        render({"monitoring": values})
    assert sentence in str(refused.value)


def test_prometheus_finds_the_operator() -> None:
    """A ServiceMonitor selects Services by labels, and a port of theirs by its name."""
    found = render(ON)
    monitor, service = found.one("ServiceMonitor")["spec"], found.one("Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in [port["name"] for port in service["spec"]["ports"]]


@pytest.mark.parametrize("manifest", ["single", "pytorch", "mpi"])
def test_prometheus_finds_the_agents(manifest: str) -> None:
    """A PodMonitor selects pods by labels, and a port of any of their containers by its name."""
    monitor = render(ON).one("PodMonitor", "footplate-agents")["spec"]
    documents = yaml.safe_load_all((ROOT / f"tests/golden/manifests/{manifest}.yaml").read_text())
    pods = [document for document in documents if document["kind"] == "Pod"]
    assert pods
    for pod in pods:
        labels = pod["metadata"]["labels"]
        containers = [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]
        ports = [port["name"] for container in containers for port in container.get("ports", ())]
        assert monitor["selector"]["matchLabels"].items() <= labels.items()
        assert {e["key"] for e in monitor["selector"]["matchExpressions"]} == {LABEL_JOB}
        assert set(monitor["podTargetLabels"]) == {LABEL_JOB, LABEL_ATTEMPT, LABEL_ROLE, LABEL_INDEX} <= set(labels)
        assert monitor["podMetricsEndpoints"][0]["port"] in ports


def test_the_values_of_the_page_make_all() -> None:
    blocks = re.findall(r"```yaml\n(monitoring:.*?)```", (ROOT / "docs/monitoring.md").read_text(), re.DOTALL)
    (values,) = [yaml.safe_load(block) for block in blocks]
    found = render(merged(values, {"monitoring": {"force": True}}))
    assert all(found.of_kind(kind) for kind in KINDS.values())
    assert found.one("ConfigMap", "footplate-dashboard")


def test_agents_are_looked_for_where_jobs_are() -> None:
    where = "PodMonitor/footplate-agents:spec.namespaceSelector"
    assert render(ON).at(where) == {"any": True}
    assert render(merged(ON, {"watchNamespaces": ["a", "b"]})).at(where) == {"matchNames": ["a", "b"]}


def definition(kind: str) -> dict[str, Any]:
    """One of the Prometheus operator's, of which only the name matters here."""
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "scope": "Namespaced",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


def test_a_cluster_that_has_the_kinds_gets_them_without_force(api_server: ApiServerInThread) -> None:
    for kind in KINDS.values():
        created(api_server, DEFINITIONS, definition(kind))
    group = "/apis/monitoring.coreos.com/v1"
    eventually(lambda: len(read(api_server, group)["resources"]) >= len(KINDS))
    values = merged(ON, {"monitoring": {"force": False}, "store": {"uri": STORE}})
    with helm.Config(kubeconfig_path=api_server.kubeconfig, namespace=NAMESPACE) as place:
        place.install(CHART, "footplate", values, create_namespace=True, timeout=60)
    for plural, name in {
        "servicemonitors": "footplate-operator",
        "podmonitors": "footplate-agents",
        "prometheusrules": "footplate-operator",
    }.items():
        assert read(api_server, f"{group}/namespaces/{NAMESPACE}/{plural}/{name}")["spec"]
