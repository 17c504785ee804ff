"""Events are kept for an hour after they were last written (kube-apiserver's --event-ttl)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from footplate_local.apiserver.objects.metadata import timestamp
from footplate_local.apiserver.storage.model import Storage

JSON = dict[str, Any]
KEPT = timedelta(hours=1)
PERIOD_SECONDS = 60.0
MOST_AT_ONCE = 200
"""So many events are looked at before other requests have their turn."""


class EventExpiry:
    """Removes old events. `now` is the clock (aware, UTC)."""

    def __init__(self, storage: Storage, now: Callable[[], datetime]) -> None:
        self._storage = storage
        self._now = now

    async def run(self) -> None:
        """Look every minute, until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(PERIOD_SECONDS)

    async def once(self) -> None:
        """Remove what is too old now."""
        oldest = timestamp(self._now() - KEPT)
        for count, stored in enumerate(self._storage.listing("events")):
            if count % MOST_AT_ONCE == MOST_AT_ONCE - 1:
                await asyncio.sleep(0)
            if _written(stored.object) < oldest and self._storage.get(stored.key) is stored:
                self._storage.delete(stored.key)


def _written(event: JSON) -> str:
    """When an event was written last, as a timestamp."""
    meta = event["metadata"]
    writes = (entry.get("time") or "" for entry in meta.get("managedFields") or ())
    return max([str(meta["creationTimestamp"]), *writes])
