"""The agent of one replica, from start to end: this module is the table of contents.

While the program runs: upload what has come to rest, send what logs and metrics have gained, read the metrics, publish
the status. When told to stop: scan and upload until nothing is left, prove it by listing, write the record and last
the manifest.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from footplate_runtime import contract
from footplate_runtime.agent.calls import Calls
from footplate_runtime.agent.counted_store import CountedStore
from footplate_runtime.agent.fence import Fence, Superseded
from footplate_runtime.agent.fenced_store import FencedStore
from footplate_runtime.agent.flush import Flush
from footplate_runtime.agent.journal import Journal, Uploaded
from footplate_runtime.agent.manifest import OutputFile, digest, manifest_json
from footplate_runtime.agent.metrics import Metrics
from footplate_runtime.agent.prometheus import usage
from footplate_runtime.agent.recording import Recording
from footplate_runtime.agent.report import Phase, Result, Status
from footplate_runtime.agent.scan import open_beneath
from footplate_runtime.agent.sync import Sync
from footplate_runtime.agent.transfers import Transfers
from footplate_runtime.agent.tree import Tree
from footplate_runtime.agent.watching import Watching
from footplate_runtime.changing import change
from footplate_runtime.clock import rfc3339
from footplate_runtime.files import cut, write_termination_message
from footplate_runtime.orders import Orders, Place
from footplate_runtime.record.by_agent import Ending, Logged
from footplate_runtime.restored import Restored, parse_restored
from footplate_runtime.store import Store, StoreError
from footplate_runtime.turns import Holder, Turn

TICK_SECONDS = 1.0
_REPORT_BYTES = 64 << 20  # more of another container's report is not read


class Surroundings(NamedTuple):
    """What the agent takes from the outside: clocks in seconds, chance in [0, 1), and where its log goes."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]
    log: Callable[[str], None]


class Agent:
    """One replica's agent. ``tick`` it while the program runs, then ``drain`` once."""

    def __init__(
        self, place: Place, orders: Orders, store: Store, around: Surroundings, journal: str = contract.JOURNAL
    ) -> None:
        self._counted = store = CountedStore(store)
        self._place, self._orders, self._store, self._around = place, orders, store, around
        self._primary = place.replica == orders.primary
        self._tree = Tree(place, orders, around.log)
        self._journal = Journal(place.root / journal)
        restored = tuple(parse_restored(self._read(contract.RESTORED) or b""))
        self._take_restored(restored)
        rank = 0 if self._primary else None
        self._metrics = Metrics(self._tree.root, rank, orders.metrics, restored, around.wall, around.log)
        fenced = FencedStore(store, lambda: self._fence.check())
        self._sync = Sync(
            fenced,
            self._tree.root,
            self._journal,
            Transfers(),
            around.monotonic,
            around.random,
            around.log,
            notes_begun=orders.mirror_deletes,
        )
        self._watching = Watching(
            self._tree,
            self._journal,
            self._sync,
            self._metrics.see,
            orders.mirror_deletes,
            around.monotonic,
            around.wall,
            around.log,
        )
        self._calls = Calls(around.monotonic, around.random, self._sync.failed)
        mine = Holder(Turn.of(place), f"{int(around.random() * 2**53):014x}")
        self._fence = Fence(store, self._tree.home, mine, self._calls, around.monotonic, around.log)
        self._recording = Recording(
            store, place, orders, self._fetched, self._fence, self._calls, around.monotonic, around.wall
        )
        self._flush = Flush(
            store, self._tree, self._journal, self._watching, self._sync, self._fence, self._calls, around.monotonic
        )
        self._phase: Phase = "Running"
        self.status = self._status()

    @property
    def busy(self) -> bool:
        """Whether uploads are under way, so that ``notice`` should be called often."""
        return self._sync.busy

    def begin(self, number: signal.Signals | None = None) -> None:
        """The program starts. The signal, which the caller must have blocked, then says that ``notice`` has work."""
        self._watching.begin(number)

    def notice(self) -> None:
        """Between ticks: take in what has been uploaded, and hints of what has changed."""
        self._sync.settle()
        if self._fence.closed is None:
            self._watching.notice()

    def tick(self) -> None:
        """One round while the program runs; quick, whatever the store does."""
        self._sync.settle()
        self._fence.look()
        if self._fence.closed is not None:
            self._sync.offer(())
            return
        self._metrics.read()
        if self._primary:
            self._recording.tick(self._logged())
        self._watching.tick()
        self._publish()

    def drain(self, seconds: float) -> Result:
        """Bring everything to the store within so many seconds and report; call when the program has ended.

        Some of the time is kept for the report itself. The termination message is written from the start on, as
        incomplete: a kill in the middle still leaves a sentence.
        """
        end = self._around.monotonic() + seconds
        deadline = end - min(10.0, seconds / 4)
        self._phase = "Draining"
        self._read_metrics_to_the_end(deadline)
        self._fence.look_now()
        missing, error = self._flush.upload(deadline, self._publish, self._say_incomplete)
        if error is None:
            self._flush.delete_gone(deadline)
        self._around.log(error or "All is in the store; the manifest follows.")
        self._flush.leave_own_logs(end)
        if error is None:
            self._flush.drop_segments(deadline)
        if self._fence.closed is not None:
            result = self._result(missing, self._fence.closed, None)
        else:
            result = self._conclude(missing, error, end)
        self._phase = "Done"
        self._publish()
        self._say(result)
        return result

    def _take_restored(self, restored: Sequence[Restored]) -> None:
        """What fetch brought back is in the store already: ours under our key, the primary's under its own."""
        for file in restored:
            key = self._tree.outputs_folder + file.path
            if file.key == key:
                self._journal.uploaded.setdefault(key, Uploaded(file.stamp, file.sha256))
            else:
                self._tree.disown(key, file.stamp)

    # While the program runs.

    def _logged(self) -> Logged:
        return Logged(self._metrics.summary(), self._metrics.tags())

    def _publish(self) -> None:
        self.status = self._status()

    def _status(self) -> Status:
        now, outputs = self._around.wall(), self._watching.outputs
        oldest = min((item.stamp.mtime_ns / 1e9 for item in outputs.pending.values()), default=now)
        newest = self._watching.newest_ns
        return Status(
            phase=self._phase,
            pending_files=outputs.pending_files,
            pending_bytes=outputs.pending_bytes,
            oldest_pending=max(0.0, now - oldest),
            uploaded_files=outputs.stored_files,
            uploaded_bytes=outputs.stored_bytes,
            errors=self._sync.errors,
            last_error=cut(self._sync.last_error, 1000) if self._sync.last_error else None,
            last_activity=rfc3339(min(now, newest / 1e9)) if newest else None,
            metrics=self._metrics.latest(),
            metrics_left_out=self._metrics.left_out,
            bad_lines=self._metrics.bad,
            polling=self._watching.polling,
            metrics_warnings=self._metrics.warnings,
            unsent_bytes=self._watching.unsent_bytes,
            counts=self._counted.counts(),
            usage=usage(),
        )

    # When it has ended.

    def _read_metrics_to_the_end(self, deadline: float) -> None:
        self._watching.look_at_all()
        while self._metrics.read(final=True) and self._around.monotonic() < deadline:
            pass

    def _conclude(self, missing: tuple[str, ...], error: str | None, end: float) -> Result:
        """Write run.json and, last, the manifest."""
        written = self._manifest(missing, complete=error is None)
        self._calls.wait(end)  # the record of the start must not land after that of the end
        key, phase = self._tree.home + contract.MANIFEST, None
        try:
            if self._primary:
                logged, ending = self._logged(), self._ending(error is None, digest(written))
                phase = self._calls.insist(lambda: self._recording.end(logged, ending), end)
            self._calls.insist(lambda: change(self._store, key, lambda _: written, self._fence.confirm), end)
        except Superseded as superseded:
            return self._result(missing, str(superseded), None)
        except StoreError as failure:
            return self._result(missing, error or str(failure), None)
        return self._result(missing, error, digest(written))._replace(record=phase)

    def _manifest(self, missing: tuple[str, ...], complete: bool) -> bytes:
        stored = sorted((i.key, i.stamp.size) for i in self._tree.outputs(final=True) if self._sync.is_stored(i))
        files = (
            OutputFile(key.removeprefix(self._tree.home), size, self._journal.uploaded[key].sha256)
            for key, size in stored
        )
        return manifest_json(self._place.attempt, files, complete, missing)

    def _ending(self, complete: bool, manifest_digest: str) -> Ending:
        outputs = self._watching.outputs
        report = self._read_json(contract.EXIT)
        return Ending(report, complete, outputs.stored_files, outputs.stored_bytes, manifest_digest)

    def _result(self, missing: tuple[str, ...], error: str | None, manifest_digest: str | None) -> Result:
        outputs = self._watching.outputs
        return Result(
            outputs.stored_files, outputs.stored_bytes, manifest_digest, missing, error, self._metrics.latest()
        )

    def _say_incomplete(self, missing: tuple[str, ...]) -> None:
        """What holds should the agent be killed now."""
        self._say(self._result(missing, "The agent was stopped before all outputs were in the store.", None))

    def _say(self, result: Result) -> None:
        try:
            write_termination_message(self._place.termination_log, result.to_json())
        except OSError as error:
            self._around.log(f"The termination message {error.filename} cannot be written: {error.strerror}.")

    def _fetched(self) -> dict[str, Any]:
        return self._read_json(contract.FETCH_REPORT) or {}

    def _read_json(self, path: str) -> dict[str, Any] | None:
        """A JSON object that another container left in the tree; None if there is none that can be read."""
        try:
            value = json.loads(self._read(path) or b"")
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    def _read(self, path: str) -> bytes | None:
        """A file that another container left in the tree; None if there is none that can be read."""
        try:
            with open(open_beneath(self._tree.root, path.encode()), "rb") as file:
                return file.read(_REPORT_BYTES)
        except OSError:
            return None
