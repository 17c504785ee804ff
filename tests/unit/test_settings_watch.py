"""When a changed settings file is taken into use, and when the earlier settings stay."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from fake_clock import FakeClock

from footplate.settings_file import load
from footplate.settings_watch import LOOK_SECONDS, SettingsWatch, stopping_on_change

FIRST = "store: {uri: s3://one}\nworkers: 2\n"
OTHER = "store: {uri: s3://one}\nworkers: 3\n"
WRONG = "store: {uri: s3://one}\nworkers: three\n"


class Scene:
    """A watch of a file whose writes and looks take turns."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "settings.yaml"
        self.path.write_text(FIRST)
        self.clock = FakeClock()
        self.reads: list[bool] = []
        self.task = asyncio.create_task(
            SettingsWatch(self.path, load(self.path), self.clock, self.reads.append).changed()
        )

    async def looks(self, times: int = 1) -> None:
        for _ in range(times):
            await _turns()
            self.clock.advance(LOOK_SECONDS)
        await _turns()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_other_settings_end_the_wait_when_they_were_seen_twice(scene: Scene) -> None:
    await scene.looks(3)
    scene.path.write_text(OTHER)
    await scene.looks()
    assert not scene.task.done(), "it may be half of what an editor writes"
    await scene.looks()
    assert scene.task.done()
    assert scene.reads == [True]


@pytest.mark.parametrize("text", [FIRST, FIRST + "# the same\n", "{workers: 2, store: {uri: 's3://one'}}"])
async def test_the_same_in_other_words_changes_nothing(scene: Scene, text: str) -> None:
    scene.path.write_text(text)
    await scene.looks(4)
    assert not scene.task.done()
    assert scene.reads == []


async def test_mistakes_are_told_once_and_the_earlier_settings_stay(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.path.write_text(WRONG)
    await scene.looks(6)
    assert not scene.task.done()
    assert scene.reads == [False]
    assert caplog.text.count("`workers` should be a valid integer, not 'three'") == 1


async def test_another_mistake_is_told_as_well(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.path.write_text(WRONG)
    await scene.looks(2)
    scene.path.unlink()
    await scene.looks(2)
    assert scene.reads == [False, False]
    assert "cannot be read" in caplog.text


async def test_taking_a_mistake_back_is_no_change(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    scene.path.write_text(WRONG)
    await scene.looks(2)
    scene.path.write_text(FIRST)
    await scene.looks(2)
    assert not scene.task.done()
    assert scene.reads == [False, True]
    assert "again those in use" in caplog.text


async def test_a_mistake_that_is_put_right_is_a_change(scene: Scene) -> None:
    scene.path.write_text(WRONG)
    await scene.looks(2)
    scene.path.write_text(OTHER)
    await scene.looks(2)
    assert scene.task.done()


async def test_a_file_that_is_away_for_a_moment_is_no_mistake(scene: Scene) -> None:
    scene.path.unlink()
    await scene.looks()
    scene.path.write_text(FIRST)
    await scene.looks(3)
    assert scene.reads == []


async def test_within_the_block_a_change_stops_the_operator(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(FIRST)
    clock, stop, reads = FakeClock(), asyncio.Event(), list[bool]()
    async with stopping_on_change(path, load(path), clock, reads.append, stop):
        path.write_text(OTHER)
        while not stop.is_set():
            await _turns()
            clock.advance(LOOK_SECONDS)


async def test_an_error_of_the_watch_itself_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(FIRST)
    clock, stop = FakeClock(), asyncio.Event()

    def broken(valid: bool) -> None:
        raise RuntimeError(f"no gauge for {valid}")

    async def block() -> None:
        async with stopping_on_change(path, load(path), clock, broken, stop):
            path.write_text(OTHER)
            while not stop.is_set():
                await _turns()
                clock.advance(LOOK_SECONDS)

    with pytest.raises(RuntimeError, match="no gauge for True"):
        await block()
