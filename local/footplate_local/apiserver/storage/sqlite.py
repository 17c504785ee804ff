"""Objects and their history in one SQLite file, with a copy of both in memory.

Every write is one transaction, committed before it is acknowledged; the journal is written through the operating
system (WAL, synchronous=NORMAL), so a killed process loses nothing. One counter numbers all writes: it is the
resourceVersion. The last `HISTORY` changes are kept, with the state before each, for watches that resume, for
selectors that an object leaves, and for paged lists of one moment.
"""

from __future__ import annotations

import bisect
import json
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from footplate_local.apiserver.storage.model import Change, HistoryGone, ObjectKey, Stored, encode

JSON = dict[str, Any]
HISTORY = 10_000
FIRST_VERSION = 1000  # as on a cluster in use, a small number lies in the past

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    version INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    version INTEGER PRIMARY KEY, type TEXT NOT NULL,
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    value BLOB NOT NULL, previous BLOB);
CREATE TABLE IF NOT EXISTS counter (
    id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, floor INTEGER NOT NULL);
"""


class SqliteStorage:
    """The Storage of a running server. `path` is made when missing; a file of the last run is read whole.

    Raises sqlite3.Error when the file cannot be read or written (a full disk): the write then did not happen.
    """

    def __init__(self, path: Path, history: int = HISTORY) -> None:
        self._history_size = history
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_SCHEMA)
        self._objects: dict[str, dict[tuple[str, str], Stored]] = {}
        self._sorted: dict[str, list[tuple[str, str]]] = {}
        self._changes: dict[str, deque[Change]] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._load()

    def _load(self) -> None:
        self._database.execute("INSERT OR IGNORE INTO counter VALUES (1, ?, ?)", (FIRST_VERSION, FIRST_VERSION))
        self._version, self._floor = self._database.execute("SELECT version, floor FROM counter").fetchone()
        for resource, namespace, name, version, value in self._database.execute("SELECT * FROM objects"):
            stored = Stored(ObjectKey(resource, namespace, name), version, json.loads(value), bytes(value))
            self._objects.setdefault(resource, {})[namespace, name] = stored
        rows = self._database.execute("SELECT * FROM history ORDER BY version")
        for version, kind, resource, namespace, name, value, previous in rows:
            key = ObjectKey(resource, namespace, name)
            before = None if previous is None else _stored(key, bytes(previous))
            self._remember(Change(version, kind, _stored(key, bytes(value)), before))

    @property
    def version(self) -> int:
        return int(self._version)

    def get(self, key: ObjectKey) -> Stored | None:
        return self._objects.get(key.resource, {}).get((key.namespace, key.name))

    def listing(self, resource: str, namespace: str | None = None) -> list[Stored]:
        """The objects of a resource, of one namespace or of all, ordered by namespace and name."""
        objects = self._objects.get(resource)
        if not objects:
            return []
        order = self._sorted.get(resource)
        if order is None:
            order = self._sorted[resource] = sorted(objects)
        if namespace is None:
            return [objects[place] for place in order]
        start = bisect.bisect_left(order, (namespace, ""))
        found = []
        for place in order[start:]:
            if place[0] != namespace:
                break
            found.append(objects[place])
        return found

    def listing_at(self, resource: str, namespace: str | None, version: int) -> list[Stored]:
        """The list as it was at a version, by undoing what came after. Raises HistoryGone."""
        later = self.changes_since(resource, version)
        if not later:
            return self.listing(resource, namespace)
        states = dict(self._objects.get(resource, {}))
        for change in reversed(later):
            place = (change.stored.key.namespace, change.stored.key.name)
            if change.previous is None:
                states.pop(place, None)
            else:
                states[place] = change.previous
        return [states[place] for place in sorted(states) if namespace is None or place[0] == namespace]

    def everything(self) -> Iterator[Stored]:
        for objects in self._objects.values():
            yield from list(objects.values())

    def put(self, key: ObjectKey, obj: JSON) -> Stored:
        """Create or replace; sets metadata.resourceVersion on `obj` and keeps it."""
        version = self._version + 1
        obj["metadata"]["resourceVersion"] = str(version)
        stored = Stored(key, version, obj, encode(obj))
        previous = self.get(key)
        change = Change(version, "MODIFIED" if previous else "ADDED", stored, previous)
        self._commit(change)
        self._objects.setdefault(key.resource, {})[key.namespace, key.name] = stored
        if previous is None:
            self._sorted.pop(key.resource, None)
        self._publish(change)
        return stored

    def delete(self, key: ObjectKey) -> Stored | None:
        """Remove an object; returns its last state, or None when there is none."""
        previous = self.get(key)
        if previous is None:
            return None
        version = self._version + 1
        last = {**previous.object, "metadata": {**previous.object["metadata"], "resourceVersion": str(version)}}
        stored = Stored(key, version, last, encode(last))
        change = Change(version, "DELETED", stored, previous)
        self._commit(change)
        del self._objects[key.resource][key.namespace, key.name]
        self._sorted.pop(key.resource, None)
        self._publish(change)
        return stored

    def changes_since(self, resource: str, version: int) -> list[Change]:
        """The changes of a resource after `version`, oldest first. Raises HistoryGone."""
        if version < self._floor:
            raise HistoryGone(version, self._floor)
        found: list[Change] = []
        for change in reversed(self._changes.get(resource, ())):
            if change.version <= version:
                break
            found.append(change)
        found.reverse()
        return found

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` after every write, in order, before the write is acknowledged. Returns the way out."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        self._database.close()

    def _commit(self, change: Change) -> None:
        key, stored = change.stored.key, change.stored
        place = (key.resource, key.namespace, key.name)
        execute = self._database.execute
        execute("BEGIN IMMEDIATE")
        try:
            if change.type == "DELETED":
                execute("DELETE FROM objects WHERE resource=? AND namespace=? AND name=?", place)
            else:
                execute("INSERT OR REPLACE INTO objects VALUES (?,?,?,?,?)", (*place, stored.version, stored.raw))
            before = change.previous.raw if change.previous else None
            execute(
                "INSERT INTO history VALUES (?,?,?,?,?,?,?)", (change.version, change.type, *place, stored.raw, before)
            )
            floor = self._floor
            if change.version - floor > self._history_size * 1.1:
                floor = change.version - self._history_size
                execute("DELETE FROM history WHERE version<=?", (floor,))
            execute("UPDATE counter SET version=?, floor=?", (change.version, floor))
            execute("COMMIT")
        except sqlite3.Error:
            if self._database.in_transaction:
                execute("ROLLBACK")
            raise
        self._version, self._floor = change.version, floor

    def _remember(self, change: Change) -> None:
        kept = self._changes.setdefault(change.stored.key.resource, deque())
        kept.append(change)
        while kept and kept[0].version <= self._floor:
            kept.popleft()

    def _publish(self, change: Change) -> None:
        self._remember(change)
        for listener in tuple(self._listeners):
            listener(change)


def _stored(key: ObjectKey, raw: bytes) -> Stored:
    obj = json.loads(raw)
    return Stored(key, int(obj["metadata"]["resourceVersion"]), obj, raw)
