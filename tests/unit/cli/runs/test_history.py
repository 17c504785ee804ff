from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
from run_records import metric_lines

from footplate.cli.runs.history import NO_RANK, File, Points, Series, read_history, scalars, thin
from footplate_runtime.store import Store, open_store

WORKER = Series("worker-0", 0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path.as_uri())


def values(store: Store, name: str = "loss") -> list[float]:
    return list(read_history(store, "worker-0").metrics[name][WORKER].values)


@pytest.mark.parametrize(
    ("key", "file"),
    [
        ("metrics/1/worker-0.jsonl", (1, "worker-0", 0, "")),
        ("metrics/12/ps-3.r2.jsonl", (12, "ps-3", 2, "")),
        ("metrics/1/worker-0.tensorboard.jsonl", (1, "worker-0", 0, "tensorboard")),
        ("metrics/1/worker-0.r1.stdout.jsonl", (1, "worker-0", 1, "stdout")),
        ("metrics/1/notes.txt", None),
        ("metrics/1/deeper/worker-0.jsonl", None),
    ],
)
def test_the_names_of_files(key: str, file: tuple[int, str, int, str] | None) -> None:
    found = File.of(key)
    assert (found and (found.attempt, found.replica, found.replacement, found.source)) == file


def test_segments_are_read_like_the_whole(store: Store) -> None:
    lines = metric_lines("loss", [3, 2, 1])
    store.put("metrics/1/worker-0.jsonl.000000000000000-000000000000010", lines[:10])
    store.put(f"metrics/1/worker-0.jsonl.000000000000010-{len(lines):015d}", lines[10:])
    assert values(store) == [3, 2, 1]


def test_a_later_attempt_goes_on_from_its_checkpoint(store: Store) -> None:
    store.put("metrics/1/worker-0.jsonl", metric_lines("loss", [10, 9, 8, 7], first_step=0))
    store.put("metrics/2/worker-0.jsonl", metric_lines("loss", [8.5, 6], first_step=2))
    store.put("metrics/10/worker-0.jsonl", metric_lines("loss", [5], first_step=4))
    points = read_history(store, "worker-0").metrics["loss"][WORKER]
    assert list(points.values) == [10, 9, 8.5, 6, 5]
    assert list(points.steps) == [0, 1, 2, 3, 4]


def test_without_steps_nothing_is_dropped(store: Store) -> None:
    store.put("metrics/1/worker-0.jsonl", metric_lines("loss", [3, 2], first_step=None))
    store.put("metrics/2/worker-0.jsonl", metric_lines("loss", [1], first_step=None))
    assert values(store) == [3, 2, 1]


def test_the_programs_own_values_go_before_those_of_other_sources(store: Store) -> None:
    store.put("metrics/1/worker-0.jsonl", metric_lines("loss", [1]))
    store.put("metrics/1/worker-0.tensorboard.jsonl", metric_lines("loss", [2]) + metric_lines("f1", [3]))
    store.put("metrics/1/worker-0.stdout.jsonl", metric_lines("f1", [4]) + metric_lines("speed", [5]))
    store.put("metrics/1/worker-0.alien.jsonl", metric_lines("speed", [6]))
    history = read_history(store, "worker-0")
    assert {name: list(series[WORKER].values) for name, series in history.metrics.items()} == {
        "loss": [1],
        "f1": [3],
        "speed": [5],
    }


def test_other_ranks_are_there_when_they_are_asked_for(store: Store) -> None:
    store.put("metrics/1/worker-0.jsonl", metric_lines("loss", [1]) + metric_lines("loss", [2], rank=1))
    store.put("metrics/1/worker-1.jsonl", metric_lines("loss", [3], rank=2))
    store.put("metrics/1/worker-1.tensorboard.jsonl", metric_lines("aux", [4], rank=None))
    assert {name: list(series) for name, series in read_history(store, "worker-0").metrics.items()} == {
        "loss": [WORKER]
    }
    every = read_history(store, "worker-0", all_ranks=True).metrics
    assert list(every["loss"]) == [WORKER, Series("worker-0", 1), Series("worker-1", 2)]
    assert list(every["aux"]) == [Series("worker-1", NO_RANK)]


def test_only_what_is_wanted_is_kept(store: Store) -> None:
    store.put("metrics/1/worker-0.jsonl", metric_lines("loss", [1, 2]) + metric_lines("f1", [1]))
    assert list(read_history(store, "worker-0", lambda name: name == "f1").metrics) == ["f1"]


def test_lines_that_are_none_are_left_out() -> None:
    other = b'{"kind": "list", "name": "x", "value": []}\n'
    torn = b'{"kind": "scalar", "name": "lo\n[]\n3\n\n{"kind": "scalar"}\n\xff\n' + other
    blocks = [metric_lines("loss", [1, None, "NaN", 2]) + torn, metric_lines("loss", [3])[:-1]]
    points = scalars(blocks, lambda name: True, False)["loss", 0]
    assert [value for value in points.values if not math.isnan(value)] == [1, 2, 3]
    assert len(points) == 4


def test_a_line_cut_by_a_block() -> None:
    lines = metric_lines("loss", range(20))
    blocks = [lines[i : i + 7] for i in range(0, len(lines), 7)]
    assert list(scalars(blocks, lambda name: True, False)["loss", 0].values) == list(range(20))


def test_the_summary_speaks_as_run_json_does() -> None:
    points = Points()
    for step, value in ((0.0, 3.0), (1.0, math.nan), (math.nan, math.inf)):
        points.add(step, 1000.0, value)
    assert points.summary() == {"last": "Infinity", "step": None, "min": 3.0, "max": 3.0, "count": 3}
    assert json.dumps(points.summary())


def test_thinning_keeps_the_shape() -> None:
    chance = random.Random(5)
    xs = [float(i) for i in range(100_000)]
    ys = [chance.random() for _ in xs]
    ys[31_234], ys[77_777] = 50.0, -50.0
    tx, ty = thin(xs, ys, 400)
    assert len(tx) <= 404
    assert tx == sorted(tx)
    assert (tx[0], tx[-1], max(ty), min(ty)) == (0.0, 99_999.0, 50.0, -50.0)
    assert set(zip(tx, ty, strict=True)) <= set(zip(xs, ys, strict=True))


@pytest.mark.parametrize(
    ("xs", "ys", "left"),
    [
        ([], [], []),
        ([0, 1, 2], [1, math.nan, 3], [(0, 1), (2, 3)]),
        ([2, 0, 1], [1, 2, 3], [(0, 2), (1, 3), (2, 1)]),
        ([math.nan, 1], [1, math.inf], []),
        ([3] * 50, list(range(50)), [(3, 0), (3, 49)]),
    ],
)
def test_thinning_what_is_odd(xs: list[float], ys: list[float], left: list[tuple[float, float]]) -> None:
    tx, ty = thin(xs, ys, 8)
    assert list(zip(tx, ty, strict=True)) == left
