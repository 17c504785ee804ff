"""Brings the rest to the store when the program has ended, and proves that it is there."""

from __future__ import annotations

from collections.abc import Callable

from footplate_runtime.agent.calls import Calls
from footplate_runtime.agent.fence import Fence
from footplate_runtime.agent.journal import Journal
from footplate_runtime.agent.manifest import not_stored
from footplate_runtime.agent.sync import Sync
from footplate_runtime.agent.tree import Tree
from footplate_runtime.agent.watching import Watching
from footplate_runtime.store import Store, StoreError, StoreUnavailable, find_segments

_OWN_LOGS_SECONDS = 5.0  # for the agent's log and fetch's
_ROUND_SECONDS = 5.0  # before it looks at the tree again

Missing = tuple[str, ...]


class Flush:
    """Its steps are its methods, in their order. Deadlines are in ``monotonic``'s seconds; a closed fence ends all."""

    def __init__(
        self,
        store: Store,
        tree: Tree,
        journal: Journal,
        watching: Watching,
        sync: Sync,
        fence: Fence,
        calls: Calls,
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._tree = tree
        self._journal = journal
        self._watching = watching
        self._sync = sync
        self._fence = fence
        self._calls = calls
        self._monotonic = monotonic

    def upload(
        self, deadline: float, looked: Callable[[], None], goes_on: Callable[[Missing], None]
    ) -> tuple[Missing, str | None]:
        """Upload until the store has all there is; returns the keys that are missing and why, nothing and None at
        best.

        ``looked`` is called after each look at the tree, ``goes_on`` before each further round with what is missing.
        """
        while True:
            self._fence.look_now()
            if self._fence.closed is not None:
                return (), self._fence.closed
            left, unreadable = self._watching.look_at_all()
            todo = [item for item in left if not self._sync.is_refused(item)]
            looked()
            missing = (*unreadable, *(item.key for item in left))
            if not todo and missing:
                return missing, self._sync.last_error or f"{missing[0]} cannot be read by the agent."
            if not todo and self._prove(deadline):
                return (), None
            if self._monotonic() >= deadline:
                return missing, self._late()
            goes_on(missing)
            self._sync.offer(todo)
            self._settle_for(min(_ROUND_SECONDS, deadline - self._monotonic()))

    def delete_gone(self, deadline: float) -> None:
        """Mirror deletions. A failure leaves spare objects, which the manifest does not list."""
        self._settle_for(deadline - self._monotonic())  # what was read of a file that is gone since
        self._watching.delete_gone()
        self._settle_for(deadline - self._monotonic())

    def leave_own_logs(self, end: float) -> None:
        """They tell most when something failed; but they are worth no more than a moment's wait."""
        until = self._monotonic() + min(_OWN_LOGS_SECONDS, (end - self._monotonic()) / 2)
        while self._fence.closed is None and (left := until - self._monotonic()) > 0:
            items = [i for i in self._tree.own_logs() if not self._sync.is_stored(i) and not self._sync.is_refused(i)]
            if not items:
                return
            self._sync.offer(items)
            self._settle_for(left)

    def drop_segments(self, deadline: float) -> None:
        """Delete the segments of what is now whole. A failure leaves spare objects, nothing worse."""
        self._settle_for(deadline - self._monotonic())  # a segment may still be on its way
        whole = {item.key for item in self._watching.whole_logs()}
        whole |= {item.key for item in self._tree.own_logs() if self._sync.is_stored(item)}
        folders = [key.rsplit("/", 1)[0] + "/" for key in (self._tree.console_key, self._tree.metrics_key)]

        def spare() -> list[str]:
            found = (pair for folder in folders for pair in find_segments(self._store, folder))
            return [segment.key(key) for key, segment in found if key in whole]

        try:
            self._sync.remove(self._calls.insist(spare, deadline))
        except StoreError:
            return
        self._settle_for(deadline - self._monotonic())

    def _prove(self, deadline: float) -> bool:
        """Compare the store's listing with what was acknowledged; what is not there is forgotten and goes up again."""
        expected: dict[str, int] = {}
        for item in self._watching.everything():
            if not self._sync.is_stored(item):
                return False
            expected[item.key] = item.stamp.size
        folders = (self._tree.outputs_folder, self._tree.logs_folder)
        try:
            lost = self._calls.insist(lambda: not_stored(self._store, expected, folders), deadline)
        except StoreError:
            return False
        for key in lost:
            self._sync.failed(StoreUnavailable(f"{key} was acknowledged but the store does not list it."))
            self._journal.forget_upload(key)
        return not lost

    def _late(self) -> str:
        left = self._watching.outputs.pending_bytes
        slow = f"{left} bytes of outputs were left, and no upload had failed; give outputs.flushSeconds more time."
        return f"Not everything was in the store when the grace period ended. {self._sync.last_error or slow}"

    def _settle_for(self, seconds: float) -> None:
        end = self._monotonic() + seconds
        self._sync.settle(0.05)
        while self._sync.busy and self._monotonic() < end:
            self._sync.settle(0.2)
