from __future__ import annotations

from datetime import UTC, datetime

import pytest
from run_records import run, summary

from footplate.cli.problem import UsageError
from footplate.cli.runs.listing import as_json, common_metrics, different_parameters, metric, ordered
from footplate.cli.runs.run import Run

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RUNS = [
    run("a", "0000000a", startTime="2026-11-21T10:00:00Z", metrics={"loss": summary(0.3, 0.1)}, parameters={"lr": 1}),
    run("b", "0000000b", startTime="2026-11-21T11:00:00Z", metrics={"loss": summary(0.2, 0.2)}, parameters={"lr": 2}),
    run("c", "0000000c", startTime=None, endTime=None, phase="Queued", metrics={}, parameters={}),
    run("d", "0000000d", startTime="2026-11-21T11:04:00Z", metrics={"loss": summary(0.9, 0.9), "f1": summary(1)}),
]


def names(runs: list[Run]) -> str:
    return "".join(run.name for run in runs)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("started", "abdc"),
        ("-started", "dbac"),
        ("duration", "dbac"),
        ("-duration", "abdc"),
        ("loss", "badc"),
        ("-loss", "dabc"),
        ("loss.min", "abdc"),
        ("f1", "dabc"),
    ],
)
def test_the_order(sort: str, order: str) -> None:
    assert names(ordered(RUNS, sort, NOW)) == order


def test_a_metric_that_no_run_has() -> None:
    with pytest.raises(UsageError, match=r"no run has a metric los; they have f1, loss"):
        ordered(RUNS, "los", NOW)
    assert ordered([], "loss", NOW) == []


def test_a_metric_whose_name_ends_like_a_statistic() -> None:
    found = run(metrics={"queue.max": summary(7, 1, 9), "nan": {"last": "NaN"}})
    assert metric(found, "queue.max") == 7
    assert metric(found, "queue.max.max") == 9
    assert metric(found, "nan") is None
    assert metric(found, "none.min") is None


def test_the_metrics_that_are_shown() -> None:
    assert common_metrics(RUNS, "-started", []) == ["loss", "f1"]
    assert common_metrics(RUNS, "-loss.min", ["f1"]) == ["f1", "loss.min", "loss"]
    many = [run(metrics={name: summary(1) for name in "abcdefgh"})]
    assert common_metrics(many, "started", []) == ["a", "b", "c"]


def test_the_parameters_that_differ() -> None:
    runs = [run(parameters={"lr": 1, "epochs": 3, "amp": True}), run(parameters={"lr": 2, "epochs": 3})]
    assert different_parameters(runs) == ["amp", "lr"]
    assert different_parameters(runs[:1]) == []


def test_json_has_all_and_says_none_for_what_is_not_known() -> None:
    found = as_json(RUNS[2], NOW)
    assert found["run"] == "c-0000000c"
    assert (found["started"], found["ended"], found["seconds"], found["phase"]) == (None, None, None, "Queued")
    assert as_json(RUNS[0], NOW)["seconds"] == 3900
