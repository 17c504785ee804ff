"""Notices that the settings file says something else, so that the operator is started anew with it.

The file is read every few seconds and compared by what it says: Kubernetes replaces a mounted ConfigMap by swapping a
symbolic link two levels above the file, which no watch on the file sees, and only the sense counts, not a comment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from pydantic.alias_generators import to_camel

from footplate.engine.clock import Clock
from footplate.errors import SettingsError
from footplate.settings import Settings
from footplate.settings_file import parse, read

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0


class SettingsWatch:
    """Compares a file with the settings that are in use."""

    def __init__(self, path: Path, running: Settings, clock: Clock, heard: Callable[[bool], None]) -> None:
        """`heard` is told, whenever the file has come to say something else, whether it could be understood."""
        self._path = path
        self._running = running
        self._clock = clock
        self._heard = heard

    async def changed(self) -> None:
        """Return once the file holds other settings, all of them good. Mistakes are logged once; nothing is raised."""
        said: Settings | str = self._running
        judged = before = None
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            content = self._content()
            steady, before = content == before, content
            if not steady or content == judged:
                continue  # an editor may be in the middle of writing it
            judged, now = content, self._sense(content)
            if now != said:
                said = now
                if self._tell(now):
                    return

    def _content(self) -> bytes | str:
        """What is in the file, or why it cannot be read."""
        try:
            return read(self._path)
        except SettingsError as error:
            return str(error)

    def _sense(self, content: bytes | str) -> Settings | str:
        """The settings, or what is wrong with them."""
        if isinstance(content, str):
            return content
        try:
            return parse(content, self._path)
        except SettingsError as error:
            return str(error)

    def _tell(self, said: Settings | str) -> bool:
        """True when the settings have to be taken into use."""
        self._heard(isinstance(said, Settings))
        if not isinstance(said, Settings):
            log.error("The settings were changed and have mistakes; the earlier ones stay in use:\n%s", said)
            return False
        if said == self._running:
            log.info("The settings are again those in use")
            return False
        names = [to_camel(n) for n in Settings.model_fields if getattr(said, n) != getattr(self._running, n)]
        log.info("The settings were changed (%s); ending, to be started again with the new ones", ", ".join(names))
        return True


@contextlib.asynccontextmanager
async def stopping_on_change(
    path: Path, running: Settings, clock: Clock, heard: Callable[[bool], None], stop: asyncio.Event
) -> AsyncIterator[None]:
    """Within the block a change of the settings sets `stop`."""
    task = asyncio.ensure_future(SettingsWatch(path, running, clock, heard).changed())
    task.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
