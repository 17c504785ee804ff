"""The hard stop with real processes that are really stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from footplate.kube.fence import LEASE_EXPIRED

WRITER = """
import itertools, os, sys
from footplate.kube.fence import HardStop
stop = HardStop()
stop.within(float(sys.argv[2]))
with open(sys.argv[1], "wb", buffering=0) as file:
    for number in itertools.count():
        file.write(b"x")
        if number == 1000:
            print("writing", flush=True)
        if sys.argv[3:] == ["disarm"]:
            stop.disarm()
        if number > 1000 and sys.argv[3:]:
            break
"""


def start(path: Path, seconds: float, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(seconds), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("paused", [False, True])
def test_a_process_whose_time_is_up_writes_nothing_more(tmp_path: Path, paused: bool) -> None:
    path = tmp_path / "written"
    process = start(path, 3 if paused else 0.5)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        before = 0
        if paused:
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            before = path.stat().st_size
            time.sleep(3.2)  # what this is about: the time goes by while it is stopped
            assert path.stat().st_size == before
            process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == LEASE_EXPIRED
    assert "another operator may lead" in said
    if paused:
        # A system call that it was about to make when it was stopped is made; there is no second one.
        assert path.stat().st_size - before <= 1


def test_a_hard_stop_that_was_disarmed_stops_nothing(tmp_path: Path) -> None:
    process = start(tmp_path / "written", 0.5, "disarm")
    try:
        process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
