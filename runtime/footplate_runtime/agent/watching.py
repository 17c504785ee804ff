"""What of the tree is to be brought to the store: scans when they are due, hints at once, and deletions last."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain

from footplate_runtime import contract
from footplate_runtime.agent.ignored import IGNORE_FILE
from footplate_runtime.agent.journal import Journal
from footplate_runtime.agent.lookout import Lookout, Pace
from footplate_runtime.agent.mirror import Mirror
from footplate_runtime.agent.sync import Sync
from footplate_runtime.agent.tree import Tree
from footplate_runtime.agent.uploader import Item
from footplate_runtime.agent.watch import Change, Hints, Watch

# The pause between scans, in lengths of a scan: at most 5 % of a core, or half a percent where hints come in between.
_POLLED, _HINTED = 20, 200
_OUTPUTS, _LOGS = contract.OUTPUTS.encode() + b"/", contract.LOGS.encode() + b"/"


class Watching:
    """The tree of one replica. ``tick`` every second and ``notice`` in between while the program runs.

    ``see`` is called with what is found, changed or not.
    """

    def __init__(
        self,
        tree: Tree,
        journal: Journal,
        sync: Sync,
        see: Callable[[Iterable[Item]], None],
        mirror_deletes: bool,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._tree, self._journal, self._sync = tree, journal, sync
        self._see, self._monotonic, self._wall, self._log = see, monotonic, wall, log
        self._watch: Watch | None = None
        self._mirror = Mirror() if mirror_deletes else None
        self._scans, self._log_scans = Pace(), Pace()
        self._outputs_lost = self._logs_changed = True
        self.unsent_bytes = 0  # of all files that grow
        self._logs: list[Item] = []  # those with something to send
        self._newest_log_ns = 0
        self.outputs = Lookout(tree, journal, sync.is_stored, see, sync.settle)
        tree.enter = self._enter

    @property
    def newest_ns(self) -> int:
        """When the program last wrote anything, as far as it was seen."""
        return max(self.outputs.newest_ns, self._newest_log_ns)

    @property
    def polling(self) -> str | None:
        """Why there are no hints; None when there are."""
        return self._watch.reason if self._watch is not None else None

    def begin(self, number: signal.Signals | None = None) -> None:
        """From now on there are hints, where the node allows it; the signal tells that there are some to ``notice``.

        Whoever names a signal must have it blocked.
        """
        self._watch = Watch(self._tree.root, self._log)
        if number is not None:
            self._watch.wake_with(number)

    def tick(self) -> None:
        """Let everything that has come to rest, and what logs have gained, go up."""
        self.notice()
        self._sync.grow((*self._growing(), *self._tree.own_logs()))
        now = self._monotonic()
        if self.outputs.runs_dry or self._scans.due(now, self._share(self._outputs_lost)):
            self._outputs_lost = False
            self._scan()
            self._scans.done(now, self._monotonic())
        self._sync.offer(self.outputs.rested(self._monotonic(), self._wall()))

    def notice(self) -> None:
        """Take in the hints; what was renamed into place goes up at once."""
        hints = self._watch.take() if self._watch is not None else Hints({}, False)
        changes: dict[bytes, Change] = {}
        for path, change in hints.changes.items():
            if path.startswith(_OUTPUTS):
                changes[path.removeprefix(_OUTPUTS)] = change
            elif path.startswith(_LOGS):
                self._logs_changed = True
        gone = self._mirror is not None and Change.GONE in changes.values()
        self._outputs_lost = self._outputs_lost or hints.lost or gone or IGNORE_FILE in changes
        self._logs_changed = self._logs_changed or hints.lost
        self._sync.offer_first(self.outputs.look_again(changes, self._monotonic()))

    # At the end.

    def look_at_all(self) -> tuple[list[Item], tuple[str, ...]]:
        """What is not in the store as it is now, and the keys of what cannot be looked at."""
        listing, logs = self.outputs.scan(final=True), self._tree.logs()
        growing = [*self._tree.streams(), *logs]
        self._see(growing)
        left = [*self.outputs.pending.values(), *(item for item in growing if not self._sync.is_stored(item))]
        return left, (*listing.unreadable, *logs.unreadable)

    def everything(self) -> Iterator[Item]:
        """All that there is."""
        yield from self._tree.outputs(final=True)
        yield from self.whole_logs()

    def whole_logs(self) -> Iterator[Item]:
        """Console, metrics and the user's logs."""
        yield from self._tree.streams()
        yield from self._tree.logs()

    def delete_gone(self) -> None:
        """Begin to delete the objects whose files are gone; call it when all else is stored and nothing goes on."""
        if self._mirror is None:
            return
        found: set[str] = set()
        if self.outputs.scan(final=True, found=found).saw_all:
            self._delete(self._missed(found))

    # Scans.

    def _scan(self) -> None:
        found: set[str] | None = None if self._mirror is None else set()
        listing = self.outputs.scan(final=False, found=found)
        if self._mirror is None or found is None or not listing.saw_all:
            return
        missed = self._missed(found)
        self._delete(self._mirror.deletable(missed, self.outputs.pending, self.outputs.holds_all))
        self._outputs_lost = self._outputs_lost or bool(missed)  # look again soon

    def _missed(self, found: set[str]) -> list[str]:
        """What the journal says is stored and was not found; what only stays behind from now on is not gone."""
        top = self._tree.outputs_folder
        known = (key for key in chain(self._journal.uploaded, self._journal.begun) if key not in found)
        return [key for key in known if key.startswith(top) and self._tree.is_gone(key)]

    def _delete(self, keys: Collection[str]) -> None:
        if keys:
            self._log(f"The program has deleted {len(keys)} outputs: they are deleted in the store, too.")
            self._sync.delete(keys)

    def _growing(self) -> list[Item]:
        now = self._monotonic()
        if self._log_scans.due(now, self._share(self._logs_changed)):
            self._logs_changed = False
            self._logs = list(self._tree.logs())
            self._log_scans.done(now, self._monotonic())
        growing = [*self._tree.streams(), *self._logs]
        written = (item.stamp.mtime_ns for item in growing if not self._tree.is_derived(item))
        self._newest_log_ns = max([self._newest_log_ns, *written])
        self._see(growing)
        self.unsent_bytes = sum(self._sync.unsent(item) for item in growing)
        self._logs = [item for item in self._logs if not self._sync.is_sent(item)]
        return growing

    def _share(self, changed: bool) -> int:
        return _POLLED if changed or self._watch is None or self._watch.reason else _HINTED

    def _enter(self, folder: bytes) -> None:
        if self._watch is not None:
            self._watch.cover(folder)
