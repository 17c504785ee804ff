"""The server against a simple model of the semantics, in long random walks, over restarts and kills.

A failure names the seed and the step; `MODEL_SEED=<seed>` repeats it.
"""

from __future__ import annotations

import os
import random

import pytest
from api_model import NAMESPACES, Connection, Walk
from api_objects import DEFINITIONS, created, definition
from api_server import ApiServerInThread

STEPS = int(os.environ.get("MODEL_STEPS", "400"))
SEEDS = [int(os.environ["MODEL_SEED"])] if "MODEL_SEED" in os.environ else [1, 2, 3]
RESTARTS = 3
REPLAYS = 6
THINGS = {
    "type": "object",
    "properties": {
        "spec": {"type": "object", "additionalProperties": {"type": "string"}},
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def _prepare(server: ApiServerInThread) -> None:
    created(server, DEFINITIONS, definition(THINGS))
    for name in NAMESPACES:
        if name != "default":
            created(server, "/api/v1/namespaces", {"metadata": {"name": name}})


@pytest.mark.parametrize("seed", SEEDS)
def test_it_does_what_the_model_does(api_server: ApiServerInThread, seed: int) -> None:
    _prepare(api_server)
    source = random.Random(seed)
    walk = Walk(Connection(api_server.home), source)
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
    assert len(walk.snapshots) > 5
    for snapshot in source.sample(walk.snapshots, min(REPLAYS, len(walk.snapshots))):
        walk.replay(snapshot)
    walk.connection.close()
