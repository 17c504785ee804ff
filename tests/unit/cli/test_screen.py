from __future__ import annotations

import io

import pytest
from rich.console import Console

from footplate.cli.screen import Screen, detail

METRICS = {"loss": {"value": 0.31, "step": 7}, "accuracy": {"value": 0.9, "step": 7}}


class Time:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def plain() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=40), out


def test_without_a_terminal_there_are_plain_lines(time: Time) -> None:
    console, out = plain()
    with Screen(console, time) as screen:
        screen.phase(61, "Running", "AllReplicasRunning", "1 of 1 replica running\nmore")
        screen.log([b"epoch 1", b"[bold]not markup[/bold] \xff"], None)
        screen.log([b"epoch 1"], "worker-1")
        screen.note("the API server does not answer")
    assert out.getvalue() == (
        "   1:01  Running     AllReplicasRunning    1 of 1 replica running\n"
        "epoch 1\n[bold]not markup[/bold] \ufffd\n"
        "worker-1 | epoch 1\n"
        "         the API server does not answer\n"
    )


def test_a_sign_of_life_every_ten_seconds(time: Time) -> None:
    console, out = plain()
    with Screen(console, time) as screen:
        screen.progress(5, {"phase": "Running", "metrics": METRICS})
        time.now += 9.9
        screen.beat()
        assert out.getvalue() == ""
        time.now += 0.2
        screen.beat()
        screen.beat()
    assert out.getvalue() == "         0:15  Running  step 7  accuracy 0.9  loss 0.31\n"


def test_what_was_said_counts_as_a_sign_of_life(time: Time) -> None:
    console, out = plain()
    with Screen(console, time) as screen:
        screen.progress(5, {"phase": "Running"})
        time.now += 9
        screen.log([b"epoch 1"], None)
        time.now += 9
        screen.beat()
    assert out.getvalue() == "epoch 1\n"


def test_on_a_terminal_the_program_keeps_its_colours_and_the_last_of_a_moving_line(time: Time) -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system="standard", legacy_windows=False)
    with Screen(console, time) as screen:
        screen.log([b"\x1b[31mred\x1b[0m", b"10%\r50%\r100%"], None)
    assert "\x1b[31mred\x1b[0m" in out.getvalue()
    assert "100%" in out.getvalue()
    assert "50%" not in out.getvalue()


def test_no_color_is_respected(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    with Screen(Console(file=out, width=80, force_terminal=True), time) as screen:
        screen.phase(1, "Failed", "UserError", "no")
    assert "\x1b[31m" not in out.getvalue()
    assert "Failed" in out.getvalue()


def test_before_there_are_metrics_the_message_is_shown() -> None:
    assert detail({"message": "0 of 1 replica started\nmore"}) == "0 of 1 replica started"
    assert detail({"message": "running", "metrics": METRICS}) == "step 7  accuracy 0.9  loss 0.31"
    assert detail({}) == ""
