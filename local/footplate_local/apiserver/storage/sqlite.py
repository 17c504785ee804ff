"""Objects and their history in one SQLite file, with a copy of both in memory.

Every write is one transaction, committed before it is acknowledged; the journal is written through the operating
system (WAL, synchronous=NORMAL), so a killed process loses nothing. A machine that loses its power may lose the last
writes, never the consistency of the file: clients then meet versions that are still to come, and list again.

One counter numbers all writes: it is the resourceVersion. The last `HISTORY` changes are kept, with the state before
each, for watches that resume, for selectors that an object leaves, and for paged lists of one moment; fewer when they
would take more than `HISTORY_BYTES`, so that memory and file are bounded by what is stored.
"""

from __future__ import annotations

import bisect
import logging
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from footplate_local.apiserver.storage.database import Database
from footplate_local.apiserver.storage.history import History
from footplate_local.apiserver.storage.model import Change, ObjectKey, Stored, at_version, encode

JSON = dict[str, Any]
HISTORY = 10_000
HISTORY_BYTES = 64 << 20
_LOG = logging.getLogger(__name__)


class SqliteStorage:
    """The Storage of a running server. `path` is made when missing; a file of the last run is read whole.

    Raises sqlite3.Error when the file cannot be read or written (a full disk): the write then did not happen, and the
    next one may succeed.
    """

    def __init__(self, path: Path, history: int = HISTORY, history_bytes: int = HISTORY_BYTES) -> None:
        self._database = Database(path)
        self._objects: dict[str, dict[tuple[str, str], Stored]] = {}
        self._sorted: dict[str, list[tuple[str, str]]] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._untold: deque[Change] = deque()
        for stored in self._database.objects():
            self._objects.setdefault(stored.key.resource, {})[stored.key.namespace, stored.key.name] = stored
        changes = self._database.changes(self.everything())
        self._history = History(history, history_bytes, self._database.floor)
        for change in changes:
            self._history.add(change)

    @property
    def version(self) -> int:
        return self._database.version

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
        end = bisect.bisect_left(order, (namespace + "\0", ""))
        return [objects[place] for place in order[start:end]]

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
        for objects in list(self._objects.values()):
            yield from list(objects.values())

    def put(self, key: ObjectKey, obj: JSON) -> Stored:
        """Create or replace; sets metadata.resourceVersion on `obj` and keeps it."""
        version = self.version + 1
        obj["metadata"]["resourceVersion"] = str(version)
        stored = Stored(key, version, obj, encode(obj))
        previous = self.get(key)
        self._commit(Change(version, "MODIFIED" if previous else "ADDED", stored, previous))
        return stored

    def delete(self, key: ObjectKey) -> Stored | None:
        """Remove an object; returns its last state, or None when there is none."""
        previous = self.get(key)
        if previous is None:
            return None
        version = self.version + 1
        stored = at_version(previous, version)
        self._commit(Change(version, "DELETED", stored, previous))
        return stored

    def changes_since(self, resource: str, version: int) -> list[Change]:
        """The changes of a resource after `version`, oldest first. Raises HistoryGone."""
        return self._history.since(resource, version)

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` after every write, in order, before the write is acknowledged. Returns the way out."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        self._database.close()

    def _commit(self, change: Change) -> None:
        floor = self._history.floor_with(change)
        self._database.commit(change, floor)
        key, place = change.stored.key, (change.stored.key.namespace, change.stored.key.name)
        if change.type == "DELETED":
            del self._objects[key.resource][place]
        else:
            self._objects.setdefault(key.resource, {})[place] = change.stored
        if change.type != "MODIFIED":
            self._sorted.pop(key.resource, None)
        self._history.add(change)
        self._history.cut(floor)
        self._untold.append(change)
        if len(self._untold) == 1:  # otherwise a listener writes: all hear of that change after this one
            self._tell()

    def _tell(self) -> None:
        while self._untold:
            change = self._untold[0]
            for listener in tuple(self._listeners):
                try:
                    listener(change)
                except Exception:  # noqa: BLE001 - the write is done: who hears of it cannot undo it, nor may others miss it
                    _LOG.exception("what follows version %d failed", change.version)
            if change.previous is not None:
                change.previous.shed()
            if change.type == "DELETED":
                change.stored.shed()
            self._untold.popleft()
