"""The SQLite file of a cluster: its objects, its last changes, and the counter of versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from footplate_local.apiserver.storage.model import Change, ObjectKey, Stored, at_version

FIRST_VERSION = 1000  # as on a cluster in use, a small number lies in the past
_WAL_BYTES = 16 << 20

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    version INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
    version INTEGER PRIMARY KEY, type TEXT NOT NULL,
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    previous_version INTEGER, previous BLOB);
CREATE TABLE IF NOT EXISTS counter (
    id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, floor INTEGER NOT NULL);
DROP TABLE IF EXISTS history;
"""


class Database:
    """One connection. All methods raise sqlite3.Error when the file cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        execute = self._connection.execute
        execute("PRAGMA auto_vacuum=INCREMENTAL")  # of a new file
        execute("PRAGMA journal_mode=WAL")
        execute("PRAGMA synchronous=NORMAL")
        execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
        self._connection.executescript(_SCHEMA)
        execute("INSERT OR IGNORE INTO counter VALUES (1, ?, ?)", (FIRST_VERSION, FIRST_VERSION))
        self.version, self.floor = map(int, execute("SELECT version, floor FROM counter").fetchone())
        (oldest,) = execute("SELECT min(version) FROM changes").fetchone()
        # a file whose changes another release kept in another table has none of them
        self.floor = max(self.floor, (self.version + 1 if oldest is None else oldest) - 1)
        self._give_back()

    def objects(self) -> Iterable[Stored]:
        for resource, namespace, name, version, value in self._connection.execute("SELECT * FROM objects"):
            yield Stored(ObjectKey(resource, namespace, name), version, None, value)

    def changes(self, objects: Iterable[Stored]) -> list[Change]:
        """The changes that are kept, oldest first; `objects` are the states that the last of them led to.

        A change is stored with the state before it alone: the state after it is the one before the next.
        """
        after: dict[ObjectKey, Stored] = {stored.key: stored for stored in objects}
        found = []
        rows = self._connection.execute("SELECT * FROM changes ORDER BY version DESC")
        for version, kind, resource, namespace, name, previous_version, raw in rows:
            key = ObjectKey(resource, namespace, name)
            previous = None if raw is None else Stored(key, previous_version, None, raw)
            stored = at_version(previous, version) if kind == "DELETED" and previous else after.get(key)
            if stored is None:  # somebody changed the file: what came before this is not known
                self.floor = version
                break
            if kind == "DELETED":
                stored.shed()
            found.append(Change(version, kind, stored, previous))
            if previous is not None:
                after[key] = previous
        found.reverse()
        return found

    def commit(self, change: Change, floor: int) -> None:
        """Write a change, and forget those up to `floor`, in one transaction."""
        key, stored, previous = change.stored.key, change.stored, change.previous
        place = (key.resource, key.namespace, key.name)
        before = (None, None) if previous is None else (previous.version, previous.raw)
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            if change.type == "DELETED":
                execute("DELETE FROM objects WHERE resource=? AND namespace=? AND name=?", place)
            else:
                execute("INSERT OR REPLACE INTO objects VALUES (?,?,?,?,?)", (*place, stored.version, stored.raw))
            execute("INSERT INTO changes VALUES (?,?,?,?,?,?,?)", (change.version, change.type, *place, *before))
            if floor != self.floor:
                execute("DELETE FROM changes WHERE version<=?", (floor,))
            execute("UPDATE counter SET version=?, floor=?", (change.version, floor))
            execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        cut, self.version, self.floor = floor != self.floor, change.version, floor
        if cut:
            self._give_back()

    def _give_back(self) -> None:
        """Make the file smaller when more than half of it is empty; less than that is soon used again."""
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        if free > pages // 2:
            self._connection.executescript(f"PRAGMA incremental_vacuum({free})")  # execute() stops at the first page

    def close(self) -> None:
        self._connection.close()
