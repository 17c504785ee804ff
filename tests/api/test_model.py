"""The server against a simple model of the semantics, in long random walks, over restarts and kills.

A failure names the seed and the step; `MODEL_SEED=<seed>` repeats it.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import threading
from pathlib import Path

import pytest
from api_model import NAMESPACES, Connection, Walk
from api_objects import DEFINITIONS, definition
from api_process import running
from api_server import ApiServerInThread

STEPS = int(os.environ.get("MODEL_STEPS", "400"))
SEEDS = [int(os.environ["MODEL_SEED"])] if "MODEL_SEED" in os.environ else [1, 2, 3]
RESTARTS = 3
KILLS = 3
STEPS_BEFORE_KILL = (15, 50)
REPLAYS = 6
THINGS = {
    "type": "object",
    "properties": {
        "spec": {"type": "object", "additionalProperties": {"type": "string"}},
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def _prepare(connection: Connection) -> None:
    assert connection.request("POST", DEFINITIONS, definition(THINGS))[0] == 201
    for name in NAMESPACES:
        if name != "default":
            assert connection.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})[0] == 201


def _check_the_past(walk: Walk) -> None:
    assert len(walk.snapshots) >= KILLS
    for snapshot in walk.random.sample(walk.snapshots, min(REPLAYS, len(walk.snapshots))):
        walk.replay(snapshot)
    walk.connection.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_it_does_what_the_model_does(api_server: ApiServerInThread, seed: int) -> None:
    source = random.Random(seed)
    walk = Walk(Connection(api_server.home), source)
    _prepare(walk.connection)
    restarts = set(source.sample(range(STEPS), RESTARTS))
    for number in range(STEPS):
        try:
            walk.step()
        except Exception as error:
            error.add_note(f"seed {seed}, step {number}")
            raise
        if number in restarts:
            walk.connection.close()
            api_server.restart()
    _check_the_past(walk)


def test_what_was_acknowledged_survives_kills_and_watchers_miss_nothing(tmp_path: Path) -> None:
    walk = Walk(Connection(tmp_path), random.Random(7))
    for number in range(KILLS + 1):
        with running(tmp_path) as server:
            if number == 0:
                _prepare(walk.connection)
            else:
                walk.recover()
            if number == KILLS:
                _check_the_past(walk)
                return
            for _ in range(walk.random.randrange(*STEPS_BEFORE_KILL)):
                walk.step()
            walk.list(walk.doing)  # a moment that must look the same after the kills
            killer = threading.Timer(walk.random.uniform(0, 0.05), server.process.kill)
            killer.start()
            with contextlib.suppress(OSError, http.client.HTTPException):
                while True:
                    walk.step()
            killer.join()
