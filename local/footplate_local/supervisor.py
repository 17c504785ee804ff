"""Keeps the processes of the embedded cluster running, as a Deployment would: `python -m footplate_local.supervisor`.

Three services: the API server, the node, and the operator. A service that needs a file (the kubeconfig that the API
server writes, the settings that `footplate local up` writes) is started once it is there. One that ends is started
again after a delay that doubles from 0.2 s to 10 s until it has run for a while. SIGTERM ends all, the operator first
and the API server last. What a killed predecessor left running is ended before anything starts: two API servers must
never share a database.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footplate_local.home import ENV_HOME, Home
from footplate_local.processes import Process, ServiceState, end, read_state, write_state

SUPERVISOR = "supervisor"
APISERVER, NODE, OPERATOR = "apiserver", "node", "operator"
SERVICES = (APISERVER, NODE, OPERATOR)

STOP_SECONDS = 10.0  # a service's grace after SIGTERM
_LOG_BYTES = 16 << 20  # a log larger than that at a start becomes <name>.log.1
_FILE_POLL_SECONDS = 0.05

log = logging.getLogger(SUPERVISOR)


@dataclass(frozen=True, slots=True)
class Service:
    """One process to keep running; `needs` must exist before it is started."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    needs: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a service is started again, in seconds."""

    first: float = 0.2
    limit: float = 10.0
    settled: float = 10.0  # after running so long a failure counts as the first one

    def failures(self, before: int, ran: float) -> int:
        """Failures in a row, now that it ended after running for so many seconds."""
        return 1 if ran >= self.settled else before + 1

    def delay(self, failures: int) -> float:
        """0.2, 0.4, 0.8, … for the first, second, third failure in a row."""
        return min(self.limit, self.first * 2.0 ** min(failures - 1, 16))


def services(home: Home) -> list[Service]:
    """The embedded cluster's, in the order in which they are started."""
    python = [sys.executable, "-P", "-m"]  # -P: the home is the working directory, not a place to import from
    place = ["--home", str(home.path)]
    return [
        Service(APISERVER, [*python, "footplate_local.apiserver", *place]),
        Service(NODE, [*python, "footplate_local.node", *place], needs=[home.kubeconfig]),
        Service(
            OPERATOR,
            [*python, "footplate", "--config", str(home.settings)],
            env={"KUBECONFIG": str(home.kubeconfig)},
            needs=[home.kubeconfig, home.settings],
        ),
    ]


async def keep(service: Service, home: Home, backoff: Backoff, stop: asyncio.Event) -> None:
    """Run the service until `stop` is set, then end it; its state is in `run/`, what it says in `log/`."""
    failures = 0
    clock = asyncio.get_running_loop().time
    while not stop.is_set():
        await _until_there(service.needs, stop)
        if stop.is_set():
            return
        begin = clock()
        child = await _start(service, home)
        write_state(home.state(service.name), ServiceState(Process.of(child.pid), failures))
        ended = asyncio.ensure_future(child.wait())
        await _first(ended, stop)
        if stop.is_set():
            await _end(child, ended)
            home.state(service.name).unlink(missing_ok=True)
            return
        failures = backoff.failures(failures, clock() - begin)
        delay = backoff.delay(failures)
        write_state(home.state(service.name), ServiceState(None, failures))
        log.warning("%s %s; starting it again in %.1f s", service.name, _how(child.returncode), delay)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), delay)


async def _until_there(needed: Sequence[Path], stop: asyncio.Event) -> None:
    while not stop.is_set() and not all(path.exists() for path in needed):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _FILE_POLL_SECONDS)


async def _start(service: Service, home: Home) -> asyncio.subprocess.Process:
    path = home.log_of(service.name)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
    with path.open("ab") as output:
        # A session of its own: Ctrl-C in the terminal of `footplate local up` is not meant for the cluster.
        return await asyncio.create_subprocess_exec(
            *service.argv,
            env={**os.environ, **service.env},
            cwd=home.path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def _first(ended: asyncio.Future[int], stop: asyncio.Event) -> None:
    stopping = asyncio.ensure_future(stop.wait())
    either: list[asyncio.Future[Any]] = [ended, stopping]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()


async def _end(child: asyncio.subprocess.Process, ended: asyncio.Future[int]) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.wait_for(asyncio.shield(ended), STOP_SECONDS)
    except TimeoutError:
        log.warning("process %d did not end within %.0f s of SIGTERM; killing it", child.pid, STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await ended


def _how(code: int | None) -> str:
    assert code is not None
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


async def supervise(kept: Sequence[Service], home: Home, backoff: Backoff, stop: asyncio.Event) -> None:
    """Keep the services until `stop` is set; they are then ended one after the other, the last one first."""
    ends = [asyncio.Event() for _ in kept]
    tasks = [asyncio.ensure_future(keep(s, home, backoff, e)) for s, e in zip(kept, ends, strict=True)]
    stopping = asyncio.ensure_future(stop.wait())
    any_of: list[asyncio.Future[Any]] = [stopping, *tasks]
    try:
        await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    for task, ending in reversed(list(zip(tasks, ends, strict=True))):
        ending.set()
        await asyncio.wait([task])
    for task in tasks:
        task.result()  # raises for a service that could not even be started
    log.info("stopped")


@contextlib.contextmanager
def _alone(home: Home) -> Iterator[bool]:
    """Whether this is the only supervisor of the home, for as long as the block runs."""
    with (home.run / f"{SUPERVISOR}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _end_leftovers(home: Home, kept: Sequence[Service]) -> None:
    states = [read_state(home.state(service.name)) for service in kept]
    left = [state.process for state in states if state and state.process and state.process.alive]
    if left:
        log.warning("ending what the last supervisor left: %s", ", ".join(str(p.pid) for p in left))
        end(left, STOP_SECONDS)
    for service in kept:
        home.state(service.name).unlink(missing_ok=True)


async def serve(home: Home) -> int:
    """Until SIGTERM or SIGINT; 0, or 1 when the home has a supervisor already."""
    with _alone(home) as alone:
        if not alone:
            log.error("%s has a supervisor already", home.path)
            return 1
        kept = services(home)
        await asyncio.to_thread(_end_leftovers, home, kept)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        write_state(home.state(SUPERVISOR), ServiceState(Process.of(os.getpid()), 0))
        await supervise(kept, home, Backoff(), stop)
        home.state(SUPERVISOR).unlink(missing_ok=True)
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m footplate_local.supervisor", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--home", type=Path, help=f"the cluster's folder (default: ${ENV_HOME} or ~/.footplate)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    home = Home(arguments.home.absolute()) if arguments.home else Home.of(os.environ)
    for folder in (home.run, home.log):
        folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(serve(home))


if __name__ == "__main__":
    sys.exit(main())
