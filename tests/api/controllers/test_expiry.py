"""Events go an hour after they were last written; nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from footplate_local.apiserver.controllers.expiry import MOST_AT_ONCE, EventExpiry
from footplate_local.apiserver.objects.metadata import timestamp
from footplate_local.apiserver.storage.model import ObjectKey
from footplate_local.apiserver.storage.sqlite import SqliteStorage

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _object(name: str, created: timedelta, *written: timedelta) -> dict[str, Any]:
    managed = [{"manager": "m", "time": timestamp(NOW - ago)} for ago in written]
    return {
        "kind": "Event",
        "metadata": {"name": name, "creationTimestamp": timestamp(NOW - created), "managedFields": managed},
    }


async def test_old_events_are_removed(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "cluster.db")
    long_ago, lately = timedelta(minutes=61), timedelta(minutes=59)
    for number in range(MOST_AT_ONCE + 1):
        storage.put(ObjectKey("events", "default", f"old-{number}"), _object(f"old-{number}", long_ago))
    storage.put(ObjectKey("events", "default", "new"), _object("new", lately))
    storage.put(ObjectKey("events", "default", "seen-again"), _object("seen-again", long_ago, long_ago, lately))
    storage.put(ObjectKey("configmaps", "default", "old"), _object("old", long_ago))
    await EventExpiry(storage, lambda: NOW).once()
    assert [stored.key.name for stored in storage.everything()] == ["new", "seen-again", "old"]
    storage.close()
