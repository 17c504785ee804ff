from __future__ import annotations

import math

import pytest

from footplate.cli.text import clock_time, duration, number, shorten, sparkline


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.9, "0:07"), (60, "1:00"), (3599, "59:59"), (3725, "1:02:05"), (-3, "0:00")]
)
def test_clock_time(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.97771, "0.9777"), (3, "3"), (30.0, "30"), (1e9, "1.000e+09"), (1e-7, "1e-07"), ("NaN", "NaN"), (-0.5, "-0.5")],
)
def test_number(value: float | str, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("value", "name"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_a_number_that_is_none_has_a_name(value: float, name: str) -> None:
    assert number(value) == number(name) == name


def test_a_curve_goes_from_its_lowest_to_its_highest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([3, 2, 1], 30) == "█▅▁"


def test_a_long_curve_is_averaged() -> None:
    assert sparkline([0, 0, 0, 0, 7, 7, 7, 7], 2) == "▁█"
    assert len(sparkline(list(range(1000)), 30)) == 30


def test_a_constant_curve_is_flat() -> None:
    assert sparkline([2, 2, 2], 30) == "▄▄▄"


def test_what_is_not_finite_is_left_out() -> None:
    assert sparkline([1, math.nan, 2, math.inf], 30) == "▁█"
    assert sparkline([math.nan], 30) == ""
    assert sparkline([], 30) == ""


def test_shorten() -> None:
    assert shorten("a sentence\nand more", 20) == "a sentence"
    assert shorten("a sentence", 5) == "a se…"
