"""Processes are known by id and start time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from footplate_local.processes import Process, ServiceState, end, read_state, wait_ended, write_state

SLEEP = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as child:
        yield child
        child.kill()


@pytest.fixture
def deaf() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"deaf\n"
        yield child
        child.kill()


def test_a_running_process_is_alive() -> None:
    assert Process.of(os.getpid()).alive


def test_a_reused_pid_is_not_the_process() -> None:
    here = Process.of(os.getpid())
    stranger = Process(here.pid, here.started - 1)
    assert not stranger.alive
    stranger.send(signal.SIGKILL)  # must not reach this test


def test_a_process_that_has_ended_is_not_alive(sleeper: subprocess.Popen[bytes]) -> None:
    process = Process.of(sleeper.pid)
    assert process.alive
    sleeper.kill()
    assert wait_ended([process], 10) == []  # a zombie counts as ended: nobody has waited for it yet
    sleeper.wait()
    assert not Process.of(sleeper.pid).alive


def test_end_terminates(sleeper: subprocess.Popen[bytes]) -> None:
    assert end([Process.of(sleeper.pid)], 10) == []
    assert sleeper.wait(5) == -signal.SIGTERM


def test_end_kills_what_does_not_listen(deaf: subprocess.Popen[bytes]) -> None:
    process = Process.of(deaf.pid)
    began = time.monotonic()
    assert end([process], 0.2) == [process]
    assert deaf.wait(5) == -signal.SIGKILL
    assert time.monotonic() - began >= 0.2


def test_a_state_survives_writing(tmp_path: Path) -> None:
    state = ServiceState(Process.of(os.getpid()), 2)
    write_state(tmp_path / "node.json", state)
    assert read_state(tmp_path / "node.json") == state
    assert [path.name for path in tmp_path.iterdir()] == ["node.json"]
    assert (tmp_path / "node.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x", "started": 1, "failures": 0}', "12345"])
def test_a_broken_state_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "node.json").write_text(content)
    assert read_state(tmp_path / "node.json") is None


def test_no_state(tmp_path: Path) -> None:
    assert read_state(tmp_path / "node.json") is None
