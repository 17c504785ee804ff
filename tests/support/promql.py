"""Which series and labels a PromQL expression asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser
from operator_series import exposed

from footplate_runtime.agent.prometheus import SERIES

# What Prometheus itself adds, by ServiceMonitor and PodMonitor (Prometheus operator: target labels).
TARGET = frozenset({"namespace", "pod", "instance", "job", "service", "container", "endpoint"})
# And of an agent, by the PodMonitor's podTargetLabels.
JOB = frozenset({"footplate_dev_job", "footplate_dev_attempt", "footplate_dev_role", "footplate_dev_index"})
PARTS = {"histogram": ("_bucket", "_sum", "_count")}
GRAFANA = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}


@dataclass(frozen=True, slots=True)
class Use:
    """One selector: the series, and the labels that the expression needs it to have."""

    series: str
    labels: frozenset[str]
    asked: Mapping[str, str]
    """The matchers' values by label."""


def uses(expression: str) -> list[Use]:
    """All selectors of an expression. Raises ValueError when it is no PromQL."""
    for macro, value in GRAFANA.items():
        expression = expression.replace(macro, value)
    return list(_uses(promql_parser.parse(expression), frozenset()))


def labels_of() -> dict[str, frozenset[str]]:
    """The labels of every series of the operator and of the agent, by the names under which Prometheus has them."""
    found = {}
    for name, series in exposed().items():
        for part in PARTS.get(series.kind, ("",)):
            found[name + part] = series.labels | TARGET | ({"le"} if part == "_bucket" else set())
    for agent in SERIES:
        found.setdefault(agent.name, frozenset({agent.label} - {""}) | TARGET | JOB)
    return found


def _uses(node: Any, needed: frozenset[str]) -> Iterator[Use]:
    if isinstance(node, promql_parser.MatrixSelector):
        yield from _uses(node.vector_selector, needed)
    elif isinstance(node, promql_parser.VectorSelector):
        asked = {matcher.name: matcher.value for matcher in node.matchers.matchers}
        yield Use(node.name, needed | set(asked), asked)
    elif isinstance(node, promql_parser.AggregateExpr):
        grouped = node.modifier.labels if node.modifier else []
        yield from _uses(node.expr, needed | set(grouped))
    elif isinstance(node, promql_parser.BinaryExpr):
        on = node.modifier.matching.labels if node.modifier and node.modifier.matching else []
        for side in (node.lhs, node.rhs):
            yield from _uses(side, frozenset(on) if on else needed)
    elif isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from _uses(argument, needed)
    elif isinstance(node, (promql_parser.ParenExpr, promql_parser.UnaryExpr)):
        yield from _uses(node.expr, needed)
    elif not isinstance(node, (promql_parser.NumberLiteral, promql_parser.StringLiteral)):
        raise TypeError(f"what does {node} ask for?")
