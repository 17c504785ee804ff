"""The last changes of all resources, bounded in number and in memory."""

from __future__ import annotations

from collections import deque

from footplate_local.apiserver.storage.model import Change, HistoryGone

_SLACK = 1.1
"""It is cut when it is a tenth too long, so that not every write cuts it."""
_CHANGE_BYTES = 600  # of a change beside its texts


class History:
    """The changes after `floor`: at most about `limit`, whose texts take at most about `limit_bytes`."""

    def __init__(self, limit: int, limit_bytes: int, floor: int) -> None:
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._changes: dict[str, deque[Change]] = {}
        self._sizes: deque[tuple[int, int]] = deque()  # version and bytes of each, oldest first
        self._bytes = 0
        self.floor = floor

    def floor_with(self, change: Change) -> int:
        """The floor that there is to be once `change` is added."""
        count, size = len(self._sizes) + 1, self._bytes + _size(change)
        if count <= self._limit * _SLACK and size <= self._limit_bytes * _SLACK:
            return self.floor
        floor = self.floor
        for version, taken in self._sizes:
            if count <= self._limit and size <= self._limit_bytes:
                break
            floor, count, size = version, count - 1, size - taken
        return floor

    def add(self, change: Change) -> None:
        self._changes.setdefault(change.stored.key.resource, deque()).append(change)
        self._sizes.append((change.version, _size(change)))
        self._bytes += _size(change)

    def cut(self, floor: int) -> None:
        """Forget the changes up to a version."""
        if floor == self.floor:
            return
        self.floor = floor
        while self._sizes and self._sizes[0][0] <= floor:
            self._bytes -= self._sizes.popleft()[1]
        for resource, changes in list(self._changes.items()):
            while changes and changes[0].version <= floor:
                changes.popleft()
            if not changes:
                del self._changes[resource]

    def since(self, resource: str, version: int) -> list[Change]:
        """The changes of a resource after `version`, oldest first. Raises HistoryGone."""
        if version < self.floor:
            raise HistoryGone(version, self.floor)
        found: list[Change] = []
        for change in reversed(self._changes.get(resource, ())):
            if change.version <= version:
                break
            found.append(change)
        found.reverse()
        return found


def _size(change: Change) -> int:
    """What the history alone holds: the state before, and of a deleted object its last one."""
    before = len(change.previous.raw) if change.previous is not None else 0
    return _CHANGE_BYTES + before + (len(change.stored.raw) if change.type == "DELETED" else 0)
