"""When the primary's agent writes the record while its program runs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from footplate_runtime.agent.calls import Calls
from footplate_runtime.agent.fence import Fence
from footplate_runtime.agent.recording import WRITE_SECONDS, Recording
from footplate_runtime.orders import Orders, Place
from footplate_runtime.record.by_agent import Logged
from footplate_runtime.store import Store, open_store
from footplate_runtime.turns import Holder, Turn, announce


class Scene:
    """A recording with a clock that stands still until it is moved."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.store: Store = open_store(folder.as_uri())
        launch = {
            "version": 1,
            "job": {"name": "digits"},
            "runUri": self.store.uri,
            "primary": {"role": "worker", "index": 0},
        }
        place = Place(folder, 1, "worker-0", folder / "termination-log")
        self.calls = Calls(lambda: self.now, lambda: 0.5, self._failed)
        self.fence = Fence(self.store, "", Holder(Turn(1, 0), "mine"), self.calls, lambda: self.now, print)
        clock = (lambda: self.now, time.time)
        self.recording = Recording(self.store, place, Orders.parse(launch), dict, self.fence, self.calls, *clock)

    def _failed(self, error: Exception) -> None:
        raise error

    def tick(self, **metrics: Any) -> dict[str, Any]:
        """The metrics in the record after a tick at which the program had logged these."""
        self.recording.tick(Logged(metrics, {}))
        self.calls.wait(self.now + 1)
        found: dict[str, Any] = json.loads(self.store.get("run.json"))["metrics"]
        return found


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_at_once_then_when_there_is_something_new_and_not_too_often(scene: Scene) -> None:
    assert scene.tick() == {}
    assert scene.tick(loss=1) == {}
    scene.now += WRITE_SECONDS
    assert scene.tick(loss=1) == {"loss": 1}
    scene.now += WRITE_SECONDS
    before = scene.store.head("run.json").etag
    assert scene.tick(loss=1) == {"loss": 1}
    assert scene.store.head("run.json").etag == before, "nothing is new"


def test_nothing_more_when_another_start_has_begun(scene: Scene) -> None:
    scene.tick()
    announce(scene.store, "", Turn(2, 0))
    scene.now += WRITE_SECONDS
    assert scene.tick(loss=1) == {}
    assert scene.fence.closed is not None
