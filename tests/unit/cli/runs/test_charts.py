"""Curves, and what is drawn of them: in a terminal, on a page, in an image."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from run_records import metric_lines

from footplate.cli.problem import CommandFailed
from footplate.cli.runs.curves import Chart, charts, matching
from footplate.cli.runs.history import File, History, joined, scalars
from footplate.cli.runs.image import write_png
from footplate.cli.runs.page import page, ticks
from footplate.cli.runs.terminal import drawn


def history(*lines: bytes, all_ranks: bool = False) -> History:
    file = File(1, "worker-0", 0, "", "")
    return History(joined([(file, scalars(lines, lambda name: True, all_ranks))]))


FALLING = history(metric_lines("loss", [4, 3, 2, 1, 0]))
RISING = history(metric_lines("loss", [0, 1, 2, 3, 4]), metric_lines("f1", [0.5]))


def chart(*histories: History, name: str = "loss", over_time: bool = False) -> Chart:
    (found,) = charts({f"run-{i}": h for i, h in enumerate(histories)}, [name], over_time, 1000)
    return found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([], ["loss", "a/b", "f1", "val_f1", "val_loss"]),
        (["f1", "loss"], ["f1", "loss"]),
        (["val_*"], ["val_f1", "val_loss"]),
        (["*f1", "f1"], ["f1", "val_f1"]),
        (["none"], []),
        (["a/*"], ["a/b"]),
    ],
)
def test_names_and_patterns(wanted: list[str], found: list[str]) -> None:
    assert matching(wanted, ["f1", "loss", "val_loss", "val_f1", "a/b", "loss"]) == found


def test_a_name_is_meant_before_a_pattern() -> None:
    assert matching(["loss[0]"], ["loss[0]", "loss0"]) == ["loss[0]"]


def test_one_chart_has_all_runs() -> None:
    found = chart(FALLING, RISING)
    assert [curve.label for curve in found.curves] == ["run-0", "run-1"]
    assert found.axis == "step"
    assert (found.curves[0].last, found.curves[0].high, found.curves[0].count) == (0, 4, 5)


def test_x_is_what_all_curves_have() -> None:
    unstepped = history(metric_lines("loss", [1, 2, 3], first_step=None))
    assert chart(FALLING, unstepped).axis == "value"
    assert list(chart(FALLING, unstepped).curves[1].xs) == [1, 2, 3]
    later = chart(FALLING, unstepped, over_time=True)
    assert (later.axis, list(later.curves[1].xs)) == ("seconds", [0, 1, 2])


def test_ranks_have_their_names() -> None:
    ranks = history(metric_lines("loss", [1]), metric_lines("loss", [2], rank=1), all_ranks=True)
    assert [c.label for c in chart(ranks).curves] == ["worker-0 rank 0", "worker-0 rank 1"]
    assert [c.label for c in chart(FALLING, ranks).curves] == [
        "run-0",
        "run-1 worker-0 rank 0",
        "run-1 worker-0 rank 1",
    ]


def test_a_falling_line_in_a_terminal() -> None:
    text = str(drawn(chart(FALLING), 30, 4, colour=False))
    first, *rows, axis, legend = text.split("\n")
    assert first == "loss"
    assert [len(row.rstrip()) for row in rows] == sorted(len(row.rstrip()) for row in rows), "it falls to the right"
    assert re.fullmatch(r" +0 +step +4", axis)
    assert legend == "  ⠶⠶ run-0  last 0, min 0, max 4, 5 values"
    assert max(len(line) for line in [*rows, axis]) <= 30


def test_without_colour_runs_are_letters() -> None:
    text = str(drawn(chart(FALLING, RISING), 40, 5, colour=False))
    top, *_, bottom, _, a, b = text.split("\n")[1:]
    assert top.split("┤")[1].strip().startswith("a")
    assert top.rstrip().endswith("b")
    assert bottom.rstrip().endswith("a")
    assert a.startswith("  a run-0")
    assert b.startswith("  b run-1")


def test_with_colour_runs_have_colours() -> None:
    text = drawn(chart(FALLING, RISING), 40, 5, colour=True)
    assert {"cyan", "yellow"} <= {str(span.style) for span in text.spans}
    assert not re.search("[ab]{3}", str(text))


@pytest.mark.parametrize(
    "values", [[1], [2, 2, 2], ["NaN"], ["NaN", 1, "Infinity"], [1e300, -1e300, 1e308, -1e308], [5e-324, 0]]
)
@pytest.mark.parametrize("width", [10, 80])
def test_values_that_are_hard_to_draw(values: list[float | str], width: int) -> None:
    found = chart(history(metric_lines("loss", values)))
    assert str(drawn(found, width, 6, colour=True)).startswith("loss\n")
    assert "<svg" in page("x", [found]) or values == ["NaN"]


def test_the_page_is_one_file_of_valid_svg() -> None:
    text = page("a <b> & c", charts({"run-0": FALLING, "run <1>": RISING}, [], False, 1000))
    assert "<title>a &lt;b&gt; &amp; c</title>" in text
    assert not re.search(r"(src|href|url)\s*[=(]", text), "nothing is loaded"
    assert "<script" not in text
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 2
    loss, f1 = (ElementTree.fromstring(drawing) for drawing in drawings)
    assert [line.find("title").text for line in loss.iter("polyline")] == ["run-0", "run <1>"]  # type: ignore[union-attr]
    assert len(list(f1.iter("circle"))) == 1, "a single value is a point"
    ends = [line.get("points", "").split() for line in loss.iter("polyline")]
    falling = [float(point.split(",")[1]) for point in ends[0]]
    assert falling == sorted(falling), "down is up in SVG"


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.3, 9.7, [2, 4, 6, 8]),
        (-5, 5, [-4, -2, 0, 2, 4]),
        (3, 3, [3]),
        (0, 100_000, [0, 20_000, 40_000, 60_000, 80_000, 100_000]),
    ],
)
def test_ticks_are_round(low: float, high: float, found: list[float]) -> None:
    assert ticks(low, high) == found


def test_an_image(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra png is not installed")
    path = tmp_path / "x.png"
    write_png(path, "two runs", charts({"a": FALLING, "b": RISING}, [], False, 100))
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(data[16 + i : 20 + i], "big") for i in (0, 4))
    assert width > 500
    assert height > 700, "two charts, one below the other"


def test_no_image_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(CommandFailed, match=r"pip install 'footplate\[png\]'; --html needs nothing"):
        write_png(tmp_path / "x.png", "x", [chart(FALLING)])
