"""What of the outputs is not in the store as it is now.

The scan of the whole folder is the truth. Between scans, hints say where to look again, so that the scan can be rare
where there are many files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from footplate_runtime import contract
from footplate_runtime.agent.journal import Journal, Uploaded
from footplate_runtime.agent.quiet import Quiet
from footplate_runtime.agent.tree import Listing, Tree
from footplate_runtime.agent.uploader import Item
from footplate_runtime.agent.watch import Change

_LEAST_PAUSE = 1.0
_CLOSED_SECONDS = 0.25  # a new file that its writer has closed rests so long
_HELD = 20_000  # items that wait are remembered; more are counted, and found again when these are done
_AT_ONCE = _HELD // 4  # of what one hint speaks of, and what is left of those held when it is time for more
_BATCH = 500  # files of a scan, then the uploads get their turn


class Pace:
    """How often something that takes time is done."""

    def __init__(self) -> None:
        self._ended = self._took = 0.0

    def due(self, now: float, share: int) -> bool:
        """Whether it is time again, when the pause is ``share`` times what it took the last time."""
        return now >= self._ended + max(_LEAST_PAUSE, share * self._took)

    def done(self, began: float, ended: float) -> None:
        """It was done from then to then."""
        self._ended, self._took = ended, ended - began


class Lookout:
    """The outputs that wait and how many are stored, as of the last scan and the hints since.

    ``see`` is called with all that is found, ``work`` now and then during a scan.
    ``newest_ns`` is when the program last wrote an output.
    """

    def __init__(
        self,
        tree: Tree,
        journal: Journal,
        is_stored: Callable[[Item], bool],
        see: Callable[[Iterable[Item]], None],
        work: Callable[[], None],
    ) -> None:
        self._tree, self._journal, self._is_stored = tree, journal, is_stored
        self._see, self._work = see, work
        self._quiet = Quiet()
        self._seen_journal = 0
        self._beyond_files = self._beyond_bytes = 0  # what waits and is not held
        self._overlooked = False  # hints spoke of more than is held
        self.pending: dict[str, Item] = {}
        self.stored_files = self.stored_bytes = 0
        self.newest_ns = 0

    @property
    def pending_files(self) -> int:
        return len(self.pending) + self._beyond_files

    @property
    def pending_bytes(self) -> int:
        return sum(item.stamp.size for item in self.pending.values()) + self._beyond_bytes

    @property
    def holds_all(self) -> bool:
        """Whether ``pending`` has all that waits."""
        return self._beyond_files == 0 and not self._overlooked

    @property
    def runs_dry(self) -> bool:
        """Whether more waits than is held, and what is held is nearly done."""
        return not self.holds_all and len(self.pending) <= _AT_ONCE

    def scan(self, final: bool, found: set[str] | None = None) -> Listing:
        """Look at everything, and add the keys of all outputs to ``found``; what was looked at says how well."""
        listing = self._tree.outputs(final)
        self.pending, self._overlooked = {}, False
        self._beyond_files = self._beyond_bytes = self.stored_files = self.stored_bytes = 0
        items = iter(listing)
        while batch := list(islice(items, _BATCH)):
            self._see(batch)
            for item in batch:
                self._count(item)
            if found is not None:
                found.update(item.key for item in batch)
            self._work()
        return listing

    def look_again(self, changes: Mapping[bytes, Change], now: float) -> list[Item]:
        """Look where hints say that something has changed (paths below outputs/); returns what may go up at once."""
        at_once = []
        for path, change in changes.items():
            items = list(islice(self._tree.outputs_at(path), _AT_ONCE))  # a folder may have been moved here
            self._overlooked = self._overlooked or len(items) == _AT_ONCE
            self._see(items)
            if not items:
                self._drop(path)
            for item in items:
                known = self._journal.uploaded.get(item.key)
                if known is not None and known.stamp == item.stamp:
                    self._store(item)
                    continue
                if len(self.pending) >= _HELD and item.key not in self.pending:
                    self._overlooked = True
                    continue
                self._wait(item, known)
                if change is Change.MOVED:
                    self._quiet.rests_after(item, 0.0, now)
                    at_once.append(item)
                elif change is Change.CLOSED and known is None:
                    self._quiet.rests_after(item, _CLOSED_SECONDS, now)
        return at_once

    def rested(self, monotonic: float, wall: float) -> list[Item]:
        """What waits and has come to rest."""
        if self._seen_journal != self._journal.recorded:
            self._seen_journal = self._journal.recorded
            for item in [item for item in self.pending.values() if self._is_stored(item)]:
                self._store(item)
        return self._quiet.rested(self.pending.values(), monotonic, wall)

    def _count(self, item: Item) -> None:
        """Take in an item of a scan."""
        self.newest_ns = max(self.newest_ns, item.stamp.mtime_ns)
        if self._is_stored(item):
            self.stored_files += 1
            self.stored_bytes += item.stamp.size
        elif len(self.pending) < _HELD:
            self.pending[item.key] = item
        else:
            self._beyond_files += 1
            self._beyond_bytes += item.stamp.size

    def _wait(self, item: Item, known: Uploaded | None) -> None:
        """This output is new or has changed; ``known`` is what of it was stored."""
        self.newest_ns = max(self.newest_ns, item.stamp.mtime_ns)
        if known is not None and item.key not in self.pending:
            self.stored_files -= 1
            self.stored_bytes -= known.stamp.size
        self.pending[item.key] = item

    def _store(self, item: Item) -> None:
        """This output is stored as it is now."""
        if self.pending.pop(item.key, None) is not None:
            self.stored_files += 1
            self.stored_bytes += item.stamp.size

    def _drop(self, path: bytes) -> None:
        """There is nothing at this path any more."""
        top = contract.OUTPUTS.encode() + b"/" + path
        for key in [k for k, item in self.pending.items() if item.path == top or item.path.startswith(top + b"/")]:
            del self.pending[key]
