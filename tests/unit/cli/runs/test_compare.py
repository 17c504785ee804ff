from __future__ import annotations

from datetime import UTC, datetime

from run_records import run, summary

from footplate.cli.runs.compare import Row, as_json, compared

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
A = run(
    "a",
    parameters={"lr": 0.1, "epochs": 3},
    environment={"name": "torch", "version": 1, "image": "torch@sha256:1"},
    source={"git": {"url": "https://example.org/x", "revision": "main"}, "revision": "abc"},
    inputs=[{"name": "data", "uri": "s3://data/", "etag": "1", "files": 2}],
    tags={"team": "red"},
)
B = run(
    "b",
    parameters={"lr": 0.2, "epochs": 3, "amp": True},
    environment={"name": "torch", "version": 2, "image": "torch@sha256:2"},
    source={"git": {"url": "https://example.org/x", "revision": "main"}, "revision": "def"},
    inputs=[{"name": "data", "uri": "s3://data/", "etag": "2", "files": 2}],
    spec={"nodes": 2, "entrypoint": {"script": "train.py"}},
)
METRICS = [{"loss": summary(0.3, 0.1)}, {"loss": summary(0.2, 0.1), "f1": summary(1)}]


def rows() -> dict[tuple[str, str], Row]:
    return {(row.section, row.name): row for row in compared([A, B], METRICS, NOW)}


def test_what_differs_is_marked() -> None:
    found = rows()
    assert {name for (section, name), row in found.items() if row.differs and section != "metrics"} == {
        *("lr", "amp", "version", "image", "revision", "data.etag", "nodes", "team"),
    }
    assert found["parameters", "lr"].values == [0.1, 0.2]
    assert found["parameters", "amp"].values == [None, True]
    assert not found["source", "git.url"].differs
    assert found["inputs", "data.uri"].values == ["s3://data/", "s3://data/"]


def test_metrics_have_their_extremes() -> None:
    found = rows()
    assert found["metrics", "loss"].values == [0.3, 0.2]
    assert not found["metrics", "loss.min"].differs
    assert found["metrics", "f1"].values == [None, 1]


def test_nothing_is_told_of_what_no_run_has() -> None:
    assert ("run", "reason") not in rows()
    assert all(any(value is not None for value in row.values) for row in rows().values())


def test_json_says_which_value_is_whose() -> None:
    document = as_json([A, B], compared([A, B], METRICS, NOW))
    assert [r["run"] for r in document["runs"]] == ["a-1a2b3c4d", "b-1a2b3c4d"]
    assert {"section": "parameters", "name": "lr", "differs": True, "values": [0.1, 0.2]} in document["rows"]
