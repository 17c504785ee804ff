"""All metrics of a replica: three sources, of which the agent writes two down itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from footplate_runtime import contract
from footplate_runtime.agent.metrics import console, tensorboard
from footplate_runtime.agent.metrics.derived import Derived, Reading, S
from footplate_runtime.agent.metrics.scalars import Scalars
from footplate_runtime.agent.metrics.tail import MetricsTail
from footplate_runtime.agent.uploader import Item
from footplate_runtime.orders import MetricSources
from footplate_runtime.restored import Restored

# In the order in which the summaries trust them.
_FILES = (contract.METRICS, contract.TENSORBOARD_METRICS, contract.STDOUT_METRICS)


class Metrics:
    """What is known of the metrics so far. ``read`` it often from the main thread, and let it ``see`` each scan.

    ``rank`` is that of the lines it writes: 0 in the primary, None elsewhere. ``restored`` are the outputs
    of earlier attempts that were there before the program started.
    """

    def __init__(
        self,
        root: bytes,
        rank: int | None,
        wanted: MetricSources,
        restored: Iterable[Restored],
        wall: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._rank = rank
        self._log = log
        self._scalars = Scalars()
        self._tails = [MetricsTail(root, path, self._scalars, source) for source, path in enumerate(_FILES)]
        self._tensorboard = tensorboard.TensorBoard(root, restored, log) if wanted.tensorboard else None
        self._console = console.Console(root, wanted.stdout, wall, log)
        top = Path(os.fsdecode(root))
        self._from_tensorboard = Derived(top / contract.TENSORBOARD_METRICS)
        self._from_console = Derived(top / contract.STDOUT_METRICS)
        self._bad = 0
        self._unwritten = False

    def see(self, items: Iterable[Item]) -> None:
        """Take note of the files that a scan has found."""
        if self._tensorboard is not None:
            self._tensorboard.see(items)

    def read(self, final: bool = False) -> bool:
        """Take in what has come since the last call, a few MiB at most; True if there may be more.

        ``final`` says that the program has ended: its last line may lack its newline.
        """
        more = [self._read_tensorboard(), self._read_console(final)]
        return any([*more, *[tail.read() for tail in self._tails]])

    def latest(self) -> dict[str, dict[str, Any]]:
        """The latest value of each metric of rank 0, at most 32."""
        return self._scalars.latest()

    def summary(self) -> dict[str, dict[str, Any]]:
        """Last, least and greatest value and count of each of them."""
        return self._scalars.summary()

    def tags(self) -> dict[str, str]:
        """The latest value of each tag, of whichever rank, at most 256."""
        return dict(self._scalars.tags)

    @property
    def left_out(self) -> int:
        """Values of metrics beyond the 32."""
        return self._scalars.left_out

    @property
    def bad(self) -> int:
        """Lines, records and matches that could not be understood."""
        return self._bad + sum(tail.bad_lines for tail in self._tails)

    @property
    def warnings(self) -> int:
        """How often Run has warned that a limit was reached."""
        return self._tails[0].warnings

    def _read_tensorboard(self) -> bool:
        if self._tensorboard is None:
            return False
        return self._write_down(self._from_tensorboard, tensorboard.State, self._tensorboard.read)

    def _read_console(self, final: bool) -> bool:
        return self._write_down(self._from_console, console.State, lambda state: self._console.read(state, final))

    def _write_down(self, derived: Derived, state: type[S], read: Callable[[S], Reading[S]]) -> bool:
        """Read a source on; a disk that is full is told once, and what did not fit is read again."""
        before = state.from_json(derived.state) if derived.state else state()
        found = read(before)
        if found.state == before:
            return found.more
        try:
            derived.append([point.line(self._rank) for point in found.points], found.state.to_json())
        except OSError as error:
            if not self._unwritten:
                self._log(
                    f"Metrics cannot be written to {error.filename or 'the pod'}: {error.strerror}. Trying again."
                )
            self._unwritten = True
            return False
        self._unwritten = False
        self._bad += found.bad
        return found.more
