"""Reads of a version that is still to come: they wait for it a little (apiserver pkg/storage/cacher/watch_cache.go)."""

from __future__ import annotations

import asyncio

from footplate_local.apiserver.errors import too_large_version
from footplate_local.apiserver.storage.model import Change, Storage

PATIENCE_SECONDS = 3.0


async def wait_for(storage: Storage, version: int) -> None:
    """Return as soon as the store has reached a version. Raises StatusError 504 when that takes too long."""
    if storage.version >= version:
        return
    reached = asyncio.Event()

    def look(change: Change) -> None:
        if change.version >= version:
            reached.set()

    leave = storage.subscribe(look)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await reached.wait()
    except TimeoutError:
        raise too_large_version(version, storage.version) from None
    finally:
        leave()
