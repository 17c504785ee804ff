"""Brings files to the store and keeps the journal: what goes up when, what a failure means, when to try again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from footplate_runtime.agent.journal import Growth, Journal, Uploaded
from footplate_runtime.agent.segments import next_step
from footplate_runtime.agent.transfers import Transfer, Transfers
from footplate_runtime.agent.uploader import Item, Torn, take_step, upload_whole
from footplate_runtime.files import Stamp
from footplate_runtime.store import InvalidKey, Store, StoreError
from footplate_runtime.store.base import buffer_size

_MAX_OUTSTANDING = 256  # handed to the threads at once; what waits beyond can still be dropped or held back
_FIRST_HOLD, _LONGEST_HOLD = 0.5, 15.0  # seconds of pause after a failure of the store
_SEGMENT_SECONDS = 2.0  # between segments of one file, unless there is much to send
_SEGMENT_BYTES = 1 << 20


class Sync:
    """Uploads of one replica. All methods belong to one thread; ``settle`` must be called often."""

    def __init__(
        self,
        store: Store,
        root: bytes,
        journal: Journal,
        transfers: Transfers,
        monotonic: Callable[[], float],
        random: Callable[[], float],
        log: Callable[[str], None],
        notes_begun: bool = False,
    ) -> None:
        """``notes_begun``: uploads are in the journal from their start, so that none is unknown after a kill."""
        self._store = store
        self._root = root
        self._journal = journal
        self._transfers = transfers
        self._monotonic = monotonic
        self._random = random
        self._log = log
        self._notes_begun = notes_begun
        self._waiting: deque[Item] = deque()
        self._running: set[str] = set()
        self._acknowledged: list[tuple[str, Uploaded]] = []
        self._segment_times: dict[str, float] = {}
        self._failures = 0  # waves in a row
        self._held_until = 0.0
        self.refused: dict[str, tuple[Stamp, str]] = {}  # files that can never go up as they are, and why
        self.errors = 0
        self.last_error: str | None = None

    @property
    def busy(self) -> bool:
        """Whether anything is under way or waits."""
        return bool(self._waiting or self._transfers.outstanding)

    def is_stored(self, item: Item) -> bool:
        """Whether the store holds this file as it is now."""
        known = self._journal.uploaded.get(item.key)
        return known is not None and known.stamp == item.stamp

    def is_sent(self, item: Item) -> bool:
        """Whether the segments of this growing file have all that it holds."""
        return next_step(self._journal.growths.get(item.key), item.stamp) is None

    def unsent(self, item: Item) -> int:
        """Bytes of this growing file that are in no segment yet."""
        growth = self._journal.growths.get(item.key)
        return item.stamp.size - (growth.sent if growth and growth.inode == item.stamp.inode else 0)

    def is_refused(self, item: Item) -> bool:
        """Whether trying again is useless until the file changes."""
        known = self.refused.get(item.key)
        return known is not None and known[0] == item.stamp

    def offer(self, items: Iterable[Item]) -> None:
        """Let these files go up whole; replaces what was offered before and has not begun."""
        self._waiting = deque(i for i in items if i.key not in self._running and not self.is_refused(i))
        self._fill()

    def offer_first(self, items: Iterable[Item]) -> None:
        """Let these files go up whole before what was offered else."""
        self._waiting.extendleft(i for i in items if not self.is_refused(i))
        self._fill()

    def grow(self, items: Iterable[Item]) -> None:
        """Let what these growing files have gained go up as segments."""
        now = self._monotonic()
        if now < self._held_until:
            return
        for item in items:
            if item.key in self._running or self.is_refused(item):
                continue
            growth = self._journal.growths.get(item.key)
            step = next_step(growth, item.stamp)
            if step is None:
                continue
            gained = item.stamp.size - (growth.sent if growth else 0)
            if gained < _SEGMENT_BYTES and now - self._segment_times.get(item.key, 0.0) < _SEGMENT_SECONDS:
                continue
            self._segment_times[item.key] = now
            self._running.add(item.key)
            memory = buffer_size(step.put.end - step.put.start) if step.put else 0
            run = partial(take_step, self._store, self._root, item.path, item.key, step)
            self._transfers.submit(Transfer(run, partial(self._ended, item), memory, urgent=True))

    def remove(self, keys: Iterable[str]) -> None:
        """Delete objects that are no longer needed."""
        for key in keys:
            self._transfers.submit(Transfer(partial(self._store.delete, key), self._removed))

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects whose files are gone, and forget them."""
        for key in keys:
            if key not in self._running:
                self._running.add(key)
                self._transfers.submit(Transfer(partial(self._store.delete, key), partial(self._deleted, key)))

    def settle(self, seconds: float = 0.0) -> None:
        """Take in what has ended, waiting for the first at most so long, and start what waits."""
        self._transfers.settle(seconds)
        if self._acknowledged:
            self._journal.record_uploads(self._acknowledged)
            self._acknowledged = []
        self._fill()

    def failed(self, error: Exception) -> None:
        """Note a failure of the store and hold everything back a little; many failures of one wave count once."""
        self.errors += 1
        self.last_error = str(error)
        now = self._monotonic()
        if now < self._held_until:
            return
        pause = min(_LONGEST_HOLD, _FIRST_HOLD * 2**self._failures) * (0.5 + self._random() / 2)
        self._failures += 1
        self._held_until = now + pause
        self._log(f"{error} Trying again in {pause:.1f} s.")

    def _fill(self) -> None:
        if self._monotonic() < self._held_until:
            return
        items: list[Item] = []
        while self._waiting and self._transfers.outstanding + len(items) < _MAX_OUTSTANDING:
            item = self._waiting.popleft()
            if item.key in self._running or self.is_stored(item):
                continue  # it was offered twice
            self._running.add(item.key)
            items.append(item)
        if self._notes_begun:
            self._journal.record_begun(item.key for item in items)
        for item in items:
            run = partial(upload_whole, self._store, self._root, item)
            self._transfers.submit(Transfer(run, partial(self._ended, item), buffer_size(item.stamp.size)))

    def _ended(self, item: Item, outcome: object) -> None:
        self._running.discard(item.key)
        match outcome:
            case Uploaded():
                self._failures = 0
                self._acknowledged.append((item.key, outcome))
            case Growth():
                self._failures = 0
                self._journal.record_growth(item.key, outcome)
            case Torn() | FileNotFoundError():
                pass  # the next scan tells what is there now
            case InvalidKey():
                self._refuse(item, str(outcome))
            case StoreError():
                self.failed(outcome)
            case OSError():
                self._refuse(item, f"{item.key} cannot be read by the agent: {outcome.strerror}.")
            case Exception():
                raise outcome

    def _deleted(self, key: str, outcome: object) -> None:
        self._running.discard(key)
        self._removed(outcome)
        if outcome is None:
            self._journal.forget_upload(key)

    def _removed(self, outcome: object) -> None:
        if isinstance(outcome, StoreError):
            self.failed(outcome)
        elif isinstance(outcome, Exception):
            raise outcome

    def _refuse(self, item: Item, reason: str) -> None:
        self.errors += 1
        self.last_error = reason
        self.refused[item.key] = (item.stamp, reason)
        self._log(reason)
