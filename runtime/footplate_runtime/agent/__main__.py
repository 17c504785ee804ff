"""``python3 -m footplate_runtime.agent``: the sidecar's command. Exit 0 when every output is in the store, 1 when
not, 2 for bad orders.

SIGTERM (the kubelet sends it when the program has ended) makes it drain; the signal is taken by waiting for it,
never by a handler.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from footplate_runtime import contract

if TYPE_CHECKING:
    from footplate_runtime.agent.agent import Agent

_STOP = {signal.SIGTERM, signal.SIGINT}
_HINT = signal.SIGIO  # there are hints of changes
_AT_MOST_EVERY = 0.1  # seconds; a program that writes all the time must not keep us busy
_NICENESS = 5  # the program comes first, also where no cgroup says so; a busy machine still leaves it a quarter


def main() -> int:
    """Run one replica's agent in this process; returns the exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_STOP, _HINT})  # before the first thread, so that all inherit it
    os.nice(_NICENESS)
    return _run(os.environ)


def _run(env: Mapping[str, str]) -> int:
    import random

    from footplate_runtime.agent.agent import Agent, Surroundings
    from footplate_runtime.agent.alone import work_alone
    from footplate_runtime.orders import InvalidOrders, Orders, Place
    from footplate_runtime.own_log import OwnLog
    from footplate_runtime.store import InvalidStore

    try:
        place = Place.from_env(env)
        orders = Orders.load(place.root)
        grace = float(env.get(contract.ENV_GRACE_SECONDS) or orders.flush_seconds)
        store = orders.open_store(env)
    except (InvalidOrders, InvalidStore, ValueError) as error:
        print(error, flush=True)
        return 2
    (place.root / contract.STATE).mkdir(parents=True, exist_ok=True)
    work_alone(place.root, wait=True)
    log = OwnLog(place.root / contract.AGENT_LOG, time.time)
    around = Surroundings(_monotonic, time.time, random.random, log)
    agent = Agent(place, orders, store, around)
    _serve(env, agent, log)
    log(f"Uploading {place.replica} of attempt {place.attempt} to {store.uri}")
    agent.begin(_HINT)
    _watch_until_stopped(agent)
    log(f"The program has ended; there are {grace:.0f} s to bring the rest to the store.")
    result = agent.drain(grace)
    log(result.error or f"Complete: {result.files} files, {result.size} bytes, manifest {result.manifest_digest}")
    return 0 if result.complete else 1


def _monotonic() -> float:
    """Seconds, also of the time for which the machine was suspended: the fence must not take an hour for a moment."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _watch_until_stopped(agent: Agent) -> None:
    """A tick a second; in between, hints and finished uploads are taken in when there are some."""
    from footplate_runtime.agent.agent import TICK_SECONDS

    next_tick = time.monotonic() + _AT_MOST_EVERY
    while signal.sigtimedwait(_STOP, _AT_MOST_EVERY) is None:
        left = next_tick - time.monotonic()
        if left > 0 and not agent.busy:
            came = signal.sigtimedwait({*_STOP, _HINT}, left)
            if came is not None and came.si_signo in _STOP:
                return
        if time.monotonic() >= next_tick:
            agent.tick()
            next_tick = time.monotonic() + TICK_SECONDS
        else:
            agent.notice()


def _serve(env: Mapping[str, str], agent: Agent, log: Callable[[str], None]) -> None:
    """Serve the status; without it the agent still does its work, so a taken port is told and no more."""
    from footplate_runtime.agent.server import serve

    host = env.get(contract.ENV_POD_IP) or "127.0.0.1"
    port = int(env.get(contract.ENV_AGENT_PORT) or contract.AGENT_PORT)
    try:
        port = serve(host, port, lambda: agent.status)
    except OSError as error:
        log(f"The status is not served on {host}:{port}: {error.strerror}.")
    else:
        log(f"Serving http://{host}:{port}/status")


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # threads may hang in a store that does not answer; there is nothing left to clean up
