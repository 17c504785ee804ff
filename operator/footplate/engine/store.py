"""The last known state of watched objects, fed by events, by our own writes and by the sweep.

These three overtake each other. For one object (one uid) the higher resource version wins; what has been
deleted stays so. Views of deleted objects are kept for a while as *tombstones*: how a pod ended is often
learned only with its deletion.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from footplate.engine.clock import Clock
from footplate.engine.keys import Key


class View(Protocol):
    """What a store must know of an object; the rest of a view is the planner's."""

    @property
    def key(self) -> Key: ...

    @property
    def uid(self) -> str: ...

    @property
    def resource_version(self) -> str: ...

    @property
    def owner_uid(self) -> str | None:
        """The uid of the controller in its owner references."""
        ...


V = TypeVar("V", bound=View)


@dataclass(frozen=True, slots=True)
class _Tombstone(Generic[V]):
    view: V
    since: float


class Store(Generic[V]):
    """Views by key and by owner, for one event loop. Not thread-safe."""

    def __init__(self, clock: Clock, tombstone_seconds: float = 600) -> None:
        self._clock = clock
        self._tombstone_seconds = tombstone_seconds
        self._views: dict[Key, V] = {}
        self._by_owner: dict[str, dict[Key, V]] = {}
        self._tombstones: OrderedDict[str, _Tombstone[V]] = OrderedDict()  # by uid, oldest first
        self._gone_by_owner: dict[str, dict[str, V]] = {}
        self._puts = 0
        self._put_at: dict[Key, int] = {}

    def put(self, view: V) -> bool:
        """Take it as the object's state, unless we know a later one; True when that changed anything."""
        self._bury()
        known = self._views.get(view.key)
        if known is not None and _older(view, known):
            return False  # of this object, or of a predecessor of the same name
        tombstone = self._tombstones.get(view.uid)
        if tombstone is not None:
            # Only a newer state (it has left our selector and come back) proves that it is not deleted.
            if not _older(tombstone.view, view):
                return False
            self._drop_tombstone(view.uid)
        self._puts += 1
        self._put_at[view.key] = self._puts
        if known is not None and known.uid == view.uid and known.resource_version == view.resource_version:
            return False
        if known is not None and known.uid != view.uid:
            self._entomb(known)  # it has a successor, so its own deletion was missed
        self._insert(view)
        return True

    def remove(self, view: V) -> None:
        """It has been deleted; its last view is kept as a tombstone."""
        self._bury()
        known = self._views.get(view.key)
        if known is not None and known.uid == view.uid:
            self._delete(known)
            if _older(view, known):
                view = known
        self._entomb(view)

    def get(self, key: Key) -> V | None:
        return self._views.get(key)

    def owned_by(self, owner_uid: str) -> list[V]:
        """The views of this owner's objects."""
        return list(self._by_owner.get(owner_uid, {}).values())

    def gone(self, owner_uid: str) -> list[V]:
        """The last views of this owner's deleted objects, for as long as tombstones are kept."""
        self._bury()
        return list(self._gone_by_owner.get(owner_uid, {}).values())

    def forget_gone(self, owner_uid: str) -> None:
        """Drop this owner's tombstones: it is deleted itself."""
        for uid in list(self._gone_by_owner.get(owner_uid, {})):
            self._drop_tombstone(uid)

    def mark(self) -> int:
        """A point in time for `replace`: take it before listing."""
        return self._puts

    def replace(self, views: Iterable[V], since: int | None = None) -> list[V]:
        """Make the store what a listing says; returns what was added, has changed or has vanished.

        What vanished becomes a tombstone. With `since`, the mark taken before the listing began, an object that
        was put after it stays although the listing does not have it yet.
        """
        listed: set[Key] = set()
        changes: list[V] = []
        for view in views:
            listed.add(view.key)
            if self.put(view):
                changes.append(view)
        limit = self._puts if since is None else since
        for known in list(self._views.values()):
            if known.key not in listed and self._put_at[known.key] <= limit:
                self.remove(known)
                changes.append(known)
        return changes

    def keys(self) -> list[Key]:
        return list(self._views)

    def values(self) -> list[V]:
        return list(self._views.values())

    def __len__(self) -> int:
        return len(self._views)

    def _insert(self, view: V) -> None:
        known = self._views.get(view.key)
        if known is not None:
            self._unindex(known)
        self._views[view.key] = view
        if view.owner_uid is not None:
            self._by_owner.setdefault(view.owner_uid, {})[view.key] = view

    def _delete(self, view: V) -> None:
        del self._views[view.key]
        del self._put_at[view.key]
        self._unindex(view)

    def _unindex(self, view: V) -> None:
        if view.owner_uid is not None:
            owned = self._by_owner[view.owner_uid]
            del owned[view.key]
            if not owned:
                del self._by_owner[view.owner_uid]

    def _entomb(self, view: V) -> None:
        earlier = self._tombstones.get(view.uid)
        if earlier is not None:
            if _older(view, earlier.view):
                return
            self._drop_tombstone(view.uid)
        self._tombstones[view.uid] = _Tombstone(view, self._clock.monotonic())
        if view.owner_uid is not None:
            self._gone_by_owner.setdefault(view.owner_uid, {})[view.uid] = view

    def _drop_tombstone(self, uid: str) -> None:
        view = self._tombstones.pop(uid).view
        if view.owner_uid is not None:
            gone = self._gone_by_owner[view.owner_uid]
            del gone[uid]
            if not gone:
                del self._gone_by_owner[view.owner_uid]

    def _bury(self) -> None:
        """Drop the tombstones whose time is up."""
        limit = self._clock.monotonic() - self._tombstone_seconds
        while self._tombstones:
            uid, oldest = next(iter(self._tombstones.items()))
            if oldest.since > limit:
                return
            self._drop_tombstone(uid)


def _older(view: View, than: View) -> bool:
    """Whether its resource version is lower; of versions that are no numbers nothing is known."""
    try:
        return int(view.resource_version) < int(than.resource_version)
    except ValueError:
        return False
