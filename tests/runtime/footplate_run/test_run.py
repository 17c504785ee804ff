from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footplate_run import Run


def metrics(root: Path) -> list[dict[str, Any]]:
    """Every line of the metrics file, its time taken out after a check."""
    records = [json.loads(line) for line in (root / "metrics/metrics.jsonl").read_text().splitlines()]
    assert all(isinstance(record.pop("time"), float) for record in records)
    return records


class Scalar:
    """What numpy and torch scalars have in common."""

    def __init__(self, value: object, size: int = 1) -> None:
        self.value = value
        self.size = size

    def item(self) -> object:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.value

    def __iter__(self) -> Any:
        return iter([self.value] * self.size)


class FloatSubclass(float):
    def __repr__(self) -> str:
        return f"np.float64({float(self)})"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run within a job."""
    (tmp_path / "launch").mkdir()
    (tmp_path / "launch/launch.json").write_text(
        json.dumps(
            {
                "version": 1,
                "job": {"name": "digits", "experiment": "mnist"},
                "runUri": "s3://bucket/default/digits-1a2b3c4d/",
                "inputs": [{"name": "data"}],
            }
        )
    )
    environment = {"FOOTPLATE_ROOT": str(tmp_path), "FOOTPLATE_JOB": "digits", "FOOTPLATE_ATTEMPT": "2"}
    return Run(environment, "/not/used")


def test_what_a_run_knows(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (run.id, run.name, run.experiment, run.attempt) == ("digits-1a2b3c4d", "digits", "mnist", 2)
    assert run.outputs == f"{tmp_path}/outputs"
    assert run.logs == f"{tmp_path}/logs"
    assert run.inputs == {"data": f"{tmp_path}/inputs/data"}
    assert run.rank == 0
    monkeypatch.setenv("RANK", "3")
    assert run.rank == 3
    with pytest.raises(KeyError, match="this run has no input 'dta' \\(it has: data\\)"):
        run.inputs["dta"]


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        (0.5, 0.5),
        (1e300, 1e300),
        (3, 3),
        (True, True),
        ("good", "good"),
        ("zwölf \u2028 \U0001f642", "zwölf \u2028 \U0001f642"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (FloatSubclass(0.25), 0.25),
        (Scalar(0.125), 0.125),
        (Scalar(True), True),
        (10**30, 10**30),
    ],
)
def test_values(run: Run, tmp_path: Path, value: object, logged: object) -> None:
    run.log("loss", value, step=7)
    assert metrics(tmp_path) == [{"kind": "scalar", "name": "loss", "value": logged, "step": 7, "rank": 0}]


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(min_size=1, max_size=255))
def test_any_finite_number_and_name_come_back_exactly(tmp_path_factory: Any, value: float, name: str) -> None:
    root = tmp_path_factory.mktemp("run")
    Run({"FOOTPLATE_JOB": "x", "FOOTPLATE_ROOT": str(root)}, "").log(name, value)
    (record,) = metrics(root)
    assert (record["name"], record["value"], record["step"]) == (name, value, None)


def test_every_kind(run: Run, tmp_path: Path) -> None:
    run.log_list("lr", [0.1, Scalar(0.01), math.nan])
    run.log_row("confusion", actual=3, predicted="five", ok=False)
    run.log_table("curve", {"x": [1, 2], "y": (0.5, 0.25)})
    run.tag("note", "best so far")
    run.tag("fold", 3)
    common = {"step": None, "rank": 0}
    assert metrics(tmp_path) == [
        {"kind": "list", "name": "lr", "value": [0.1, 0.01, "NaN"], **common},
        {"kind": "row", "name": "confusion", "value": {"actual": 3, "predicted": "five", "ok": False}, **common},
        {"kind": "table", "name": "curve", "value": {"x": [1, 2], "y": [0.5, 0.25]}, **common},
        {"kind": "tag", "name": "note", "value": "best so far", **common},
        {"kind": "tag", "name": "fold", "value": "3", **common},
    ]


def test_rank_is_that_of_the_process(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    run.log("loss", 1.0)
    monkeypatch.setenv("RANK", "not a number")
    run.log("loss", 1.0)
    assert [record["rank"] for record in metrics(tmp_path)] == [1, 0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda run: run.log("loss", [1, 2]), TypeError, "log takes a single value, not list: use log_list"),
        (lambda run: run.log("loss", Scalar(1, size=3)), TypeError, "not Scalar: use log_list"),
        (lambda run: run.log("loss", {"a": 1}), TypeError, "not dict: use log_list"),
        (lambda run: run.log("loss", None), TypeError, "log takes numbers, bools and strings, not NoneType"),
        (lambda run: run.log("loss", Decimal("1")), TypeError, "not Decimal"),
        (lambda run: run.log("loss", 1.0, step=0.5), TypeError, r"step is an integer, not 0\.5 \(float\)"),
        (lambda run: run.log("", 1.0), ValueError, "the name of a metric has at least one character"),
        (lambda run: run.log_list("", [1.0]), ValueError, "the name of a metric has at least one character"),
        (lambda run: run.log(3, 1.0), TypeError, "the name of a metric is a string, not int"),
        (lambda run: run.log_list("lr", 3), TypeError, "'lr' needs a list of values, not int"),
        (lambda run: run.log_list("lr", "abc"), TypeError, "'lr' needs a list of values, not str"),
        (lambda run: run.log_list("lr", [[1]]), TypeError, "log_list takes numbers, bools and strings, not list"),
        (lambda run: run.log_row("row"), TypeError, "needs at least one column"),
        (lambda run: run.log_table("t", {"x": [1], "y": [1, 2]}), ValueError, "columns of one length; .* x: 1, y: 2"),
        (lambda run: run.log_image("i"), TypeError, "needs either path or plot"),
        (lambda run: run.log_image("i", path="/no/such.png"), FileNotFoundError, "there is no file /no/such.png"),
        (lambda run: run.log_confusion_matrix("c", [1]), TypeError, "takes a dict or its JSON, not list"),
        (lambda run: run.log_confusion_matrix("c", {"matrix": []}), ValueError, "needs class_labels in its data"),
        (lambda run: run.log_residuals("c", '{"data": 3}'), ValueError, "needs bin_edges and bin_counts in its data"),
        (lambda run: run.log_residuals("c", {"bin_edges": {1}}), TypeError, "JSON has no set"),
        (
            lambda run: run.log_residuals("c", {"schema_type": "predictions", "data": {}}),
            ValueError,
            "log_residuals was given a predictions: use log_predictions",
        ),
        (lambda run: run.tag("key", [1]), TypeError, "takes a string or a number, not list"),
    ],
)
def test_wrong_calls_raise_and_log_nothing(run: Run, tmp_path: Path, call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call(run)
    assert not (tmp_path / "metrics/metrics.jsonl").exists()


def test_images(run: Run, tmp_path: Path) -> None:
    class Figure:
        def savefig(self, path: str) -> None:
            Path(path).write_bytes(b"png of a figure")

    drawn = tmp_path / "elsewhere.jpg"
    drawn.write_bytes(b"jpg")
    run.log_image("roc / curve", plot=Figure())
    run.log_image("roc / curve", plot=Figure())
    run.log_image("sample", path=drawn)
    kept = tmp_path / "outputs/mine/own.png"
    kept.parent.mkdir()
    kept.write_bytes(b"own")
    run.log_image("own", path=str(kept))
    records = metrics(tmp_path)
    assert [(record["kind"], record["name"]) for record in records] == [
        ("image", "roc / curve"),
        ("image", "roc / curve"),
        ("image", "sample"),
        ("image", "own"),
    ]
    assert [record["value"] for record in records] == [
        "outputs/images/roc_curve-0-0.png",
        "outputs/images/roc_curve-0-1.png",
        "outputs/images/sample-0-2.jpg",
        "outputs/mine/own.png",
    ]
    contents = [(tmp_path / record["value"]).read_bytes() for record in records]
    assert contents == [b"png of a figure", b"png of a figure", b"jpg", b"own"]


CONFUSION = {
    "schema_type": "confusion_matrix",
    "schema_version": "1.0.0",
    "data": {"class_labels": ["cat", "dog"], "matrix": [[3, 0], [1, 5]]},
}


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("confusion_matrix", CONFUSION, CONFUSION),
        ("confusion_matrix", json.dumps(CONFUSION), CONFUSION),
        ("confusion_matrix", {"class_labels": ("cat", "dog"), "matrix": np.array([[3, 0], [1, 5]])}, CONFUSION),
        (
            "accuracy_table",
            {"schema_version": "1.0.1", "data": {"probability_tables": [[[82, 118, 0, 0]]]}},
            {
                "schema_type": "accuracy_table",
                "schema_version": "1.0.1",
                "data": {"probability_tables": [[[82, 118, 0, 0]]]},
            },
        ),
        (
            "residuals",
            {"bin_edges": np.array([0.5, math.inf]), "bin_counts": [np.int64(3)]},
            {
                "schema_type": "residuals",
                "schema_version": "1.0.0",
                "data": {"bin_edges": [0.5, "Infinity"], "bin_counts": [3]},
            },
        ),
        (
            "predictions",
            {"bin_averages": [0.25, math.nan], "bin_edges": [0.0, 0.5]},
            {
                "schema_type": "predictions",
                "schema_version": "1.0.0",
                "data": {"bin_averages": [0.25, "NaN"], "bin_edges": [0.0, 0.5]},
            },
        ),
    ],
)
def test_charts_of_azure_ml_are_kept_as_json(run: Run, tmp_path: Path, kind: str, given: Any, kept: Any) -> None:
    getattr(run, f"log_{kind}")("at the end", given)
    (record,) = metrics(tmp_path)
    assert record == {
        "kind": kind, "name": "at the end", "value": "outputs/charts/at_the_end-0-0.json", "step": None, "rank": 0
    }  # fmt: skip
    assert json.loads((tmp_path / record["value"]).read_text()) == kept
    assert os.listdir(tmp_path / "outputs/charts") == ["at_the_end-0-0.json"]


def test_numbers_of_numpy(run: Run, tmp_path: Path) -> None:
    for value in (np.float32(0.5), np.float64(0.5), np.int64(3), np.bool_(True), np.array(0.5), np.array([0.5])):
        run.log("x", value)
    run.log_list("y", np.arange(3))
    assert [record["value"] for record in metrics(tmp_path)] == [0.5, 0.5, 3, True, 0.5, 0.5, [0, 1, 2]]


def warnings(tmp_path: Path) -> list[tuple[str, str]]:
    return [(record["name"], record["value"]) for record in metrics(tmp_path) if record["kind"] == "warning"]


def test_limits_never_fail_the_run_and_are_told_once(
    run: Run, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footplate_run.run._NAMES", 3)
    for number in range(5):
        run.log(f"m{number}", 1.0)
        run.log(f"m{number}", 2.0, step=1)
    run.log_table("huge", {"x": ["y" * (17 << 20)]})
    run.log("huge", "y" * (17 << 20))
    for _ in range(2):
        run.log("n" * 2000, 1.0, step=1)
        run.tag("n" * 2000, "x")
    assert run.dropped == 6 + 2 + 2
    assert warnings(tmp_path)[:2] == [
        ("steps", "'m0' is logged with a step and without: a chart shows one of them"),
        ("names", "this process logs more than 3 metrics: 'm2' and others are dropped"),
    ]
    assert [name for name, _ in warnings(tmp_path)] == ["steps", "names", "size", "name"]
    assert capsys.readouterr().err.count("footplate: ") == 4
    names = {record["name"] for record in metrics(tmp_path) if record["kind"] == "tag"}
    assert names == {"n" * 1024}


def test_a_run_that_must_be_in_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOOTPLATE_JOB", raising=False)
    with pytest.raises(RuntimeError, match="this process belongs to no job: FOOTPLATE_JOB is not set"):
        Run.get_context(allow_offline=False)


def test_trouble_with_the_disk_is_counted_and_said_once(run: Run, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/metrics.jsonl").symlink_to("/dev/full")
    for step in range(5):
        run.log("loss", 1.0, step=step)
    run.flush()
    assert run.lost == 5
    err = capsys.readouterr().err
    assert err.count("footplate: metrics cannot be kept") == 1
    assert "No space left on device" in err


def test_a_torn_line_costs_only_itself(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run.log("loss", 1.0)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:20]))
    run.log("loss", 2.0)
    monkeypatch.setattr(os, "write", write)
    run.log("loss", 3.0)
    lines = (tmp_path / "metrics/metrics.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert [json.loads(line)["value"] for line in (lines[0], lines[2])] == [1.0, 3.0]
    assert run.lost == 1


def test_threads_write_whole_lines(run: Run, tmp_path: Path) -> None:
    def work(number: int) -> None:
        for step in range(500):
            run.log(f"t{number}", "x" * random.Random(step).randrange(200), step=step)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = metrics(tmp_path)
    assert len(records) == 4000
    for number in range(8):
        assert [record["step"] for record in records if record["name"] == f"t{number}"] == list(range(500))


FORKS = """
import os
from footplate_run import Run
run = Run.get_context()
run.log("before", 1)
children = []
for number in range(4):
    child = os.fork()
    if child == 0:
        os.environ["RANK"] = str(number)
        for step in range(500):
            Run.get_context().log("p", "x" * (step % 300), step=step)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
run.log("after", 1)
"""


def test_forked_processes_write_whole_lines(python: str, pyz: Path, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(pyz), "FOOTPLATE_JOB": "x", "FOOTPLATE_ROOT": str(tmp_path)}
    subprocess.run([python, "-c", FORKS], env=environment, check=True, timeout=30)
    records = metrics(tmp_path)
    assert (records[0]["name"], records[-1]["name"], len(records)) == ("before", "after", 2002)
    for number in range(4):
        steps = [record["step"] for record in records[1:-1] if record["rank"] == number]
        assert steps == list(range(500))


def test_ranks_that_opened_the_file_each_for_itself_do_not_overwrite(tmp_path: Path) -> None:
    ranks = [Run({"FOOTPLATE_JOB": "x", "FOOTPLATE_ROOT": str(tmp_path)}, "") for _ in range(3)]
    for step in range(50):
        for number, run in enumerate(ranks):
            run.log(f"r{number}", step * 10**number, step=step)
    assert [(record["name"], record["step"]) for record in metrics(tmp_path)] == [
        (f"r{number}", step) for step in range(50) for number in range(3)
    ]


OFFLINE = """
from footplate_run import Run
with Run.get_context() as run:
    run.log("loss", 0.3, step=7)
    run.log("best", 0.25)
    run.log_list("lr", [1, 2])
    print(run.id, run.experiment, run.inputs["my-data"], Run.get_context() is run)
"""


def test_outside_a_job(python: str, pyz: Path, tmp_path: Path) -> None:
    answer = subprocess.run(
        [python, "-c", OFFLINE],
        env={"PYTHONPATH": str(pyz), "INPUT_MY_DATA": "/data"},
        cwd=tmp_path,
        check=True,
        timeout=30,
        stdout=subprocess.PIPE,
    )
    assert answer.stdout.decode().splitlines() == [
        "loss = 0.3 (step 7)",
        "best = 0.25",
        "lr = [1, 2]",
        "offline default /data True",
    ]
    assert [record["value"] for record in metrics(tmp_path)] == [0.3, 0.25, [1, 2]]


def test_importing_the_package_does_not_load_run(pyz: Path) -> None:
    code = "import sys, footplate_run; assert 'footplate_run.run' not in sys.modules; footplate_run.Run"
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(pyz)}, check=True, timeout=30)
