"""The supervisor keeps real processes running."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from footplate_local.home import Home
from footplate_local.processes import Process, ServiceState, end, read_state, write_state
from footplate_local.supervisor import Backoff, Service, services, supervise

FAST = Backoff(first=0.01, limit=0.02, settled=60)
SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.run.mkdir()
    made.log.mkdir()
    return made


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def supervised(home: Home, *kept: Service) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.ensure_future(supervise(kept, home, FAST, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


def python(name: str, code: str, **more: object) -> Service:
    return Service(name, [sys.executable, "-c", code], **more)  # type: ignore[arg-type]


def process(home: Home, name: str) -> Process:
    state = read_state(home.state(name))
    assert state is not None
    assert state.process is not None
    return state.process


def runs(home: Home, name: str) -> bool:
    state = read_state(home.state(name))
    return state is not None and state.alive


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 0.2), (2, 0.4), (3, 0.8), (6, 6.4), (7, 10.0), (50, 10.0), (100_000, 10.0)]
)
def test_the_delay_doubles_up_to_its_limit(failures: int, seconds: float) -> None:
    assert Backoff().delay(failures) == pytest.approx(seconds)


def test_a_service_that_ran_for_a_while_begins_anew() -> None:
    backoff = Backoff()
    assert backoff.failures(before=5, ran=9.9) == 6
    assert backoff.failures(before=5, ran=10.0) == 1


async def test_a_service_that_is_killed_comes_back(home: Home) -> None:
    async with supervised(home, python("node", SLEEP)):
        await until(lambda: runs(home, "node"))
        first = process(home, "node")
        first.send(signal.SIGKILL)
        await until(lambda: runs(home, "node") and process(home, "node") != first)
        last = process(home, "node")
    assert not last.alive
    assert not home.state("node").exists()


async def test_one_that_ends_well_comes_back_as_well(home: Home) -> None:
    """The operator does so when its settings have changed."""
    async with supervised(home, python("operator", "print('again', flush=True)")):
        log = home.log_of("operator")
        await until(lambda: log.exists() and log.read_text().count("again") >= 2)


async def test_failures_are_counted_and_what_was_said_is_kept(home: Home) -> None:
    async with supervised(home, python("node", "raise SystemExit('no such device')")):
        await until(lambda: (state := read_state(home.state("node"))) and state.failures >= 3)
    assert home.log_of("node").read_text().startswith("no such device\nno such device\n")


async def test_a_service_waits_for_what_it_needs(home: Home) -> None:
    needed = home.settings
    async with supervised(home, python("operator", SLEEP, needs=[needed]), python("node", SLEEP)):
        await until(lambda: runs(home, "node"))
        assert not home.state("operator").exists()
        needed.touch()
        await until(lambda: runs(home, "operator"))


async def test_the_last_service_ends_first(home: Home) -> None:
    trail = home.path / "trail"
    code = (
        "import signal, sys, time\n"
        f"def end(*_):\n    open({str(trail)!r}, 'a').write(sys.argv[1] + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    kept = [Service(n, [sys.executable, "-c", code, n]) for n in ("apiserver", "node", "operator")]
    async with supervised(home, *kept):
        for service in kept:
            await until(lambda name=service.name: home.log_of(name).exists() and home.log_of(name).read_text())
    assert trail.read_text() == "operator node apiserver "


async def test_a_large_log_is_put_aside_at_a_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footplate_local.supervisor._LOG_BYTES", 4)
    home.log_of("node").write_text("much said before")
    async with supervised(home, python("node", f"print('now', flush=True); {SLEEP}")):
        await until(lambda: home.log_of("node").exists() and home.log_of("node").read_text() == "now\n")
    assert (home.log / "node.log.1").read_text() == "much said before"


def test_the_operator_comes_last_and_needs_its_settings(home: Home) -> None:
    names = [service.name for service in services(home)]
    assert names == ["apiserver", "node", "operator"]
    assert services(home)[-1].needs == [home.kubeconfig, home.settings]
    assert services(home)[-1].env == {"KUBECONFIG": str(home.kubeconfig)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_what_its_predecessor_left_and_stops_on_a_signal(home: Home, number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as leftover:
        write_state(home.state("operator"), ServiceState(Process.of(leftover.pid), 0))
        # The home has neither kubeconfig nor settings, so that of the services only the API server would be started.
        argv = [sys.executable, "-m", "footplate_local.supervisor", "--home", str(home.path)]
        with subprocess.Popen(argv, stderr=subprocess.PIPE) as supervisor:
            try:
                assert leftover.wait(20) == -signal.SIGTERM
                second = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
                assert second.returncode == 1
                assert "has a supervisor already" in second.stderr
                os.kill(supervisor.pid, number)
                assert supervisor.wait(30) == 0
            finally:
                leftover.kill()
                supervisor.kill()
                supervisor.wait()
                states = [read_state(path) for path in home.run.glob("*.json")]
                end([s.process for s in states if s and s.process], 5)
