"""Who was to blame for the end of a launch. Pure: what was heard of workers, daemons and ranks in, one of them out."""

import signal

from footplate_run.mpi.outcome import Blame, of_rank, signal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

TOGETHER_SECONDS = 0.5  # ends that are no further apart may have been noticed in any order
_LOST_PEER = 14  # MPI_ERR_UNKNOWN: what Open MPI 5 ends a rank with that has lost its peer
_FAULTS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
_NAMED = 4  # ranks that a sentence names


class Verdict:
    """What is known so far. Times are seconds since the epoch, of the machine where it happened."""

    def __init__(self) -> None:
        self.ranks = {}  # type: dict[int, str]  # the replica of each
        self.failed = False
        self._running = set()  # type: set[int]
        self._failed = set()  # type: set[int]
        self._worker = None  # type: Blame | None
        self._daemon = None  # type: Blame | None
        self._ends = []  # type: list[tuple[float, int, Blame]]  # (when, how little it says, who)

    def rank_started(self, rank: int, replica: str) -> None:
        self.ranks[rank] = replica
        self._running.add(rank)

    def rank_ended(
        self, rank: int, replica: str, code: int, number: int, told: bool, when: float, error: str = ""
    ) -> bool:
        """True when that was a failure of its own; ``told`` says that it was asked to end, ``error`` what it says.

        A rank that has failed may say so twice: before it aborts the others, and when it has ended. The first counts.
        """
        again = rank in self._failed
        self._running.discard(rank)
        if code == 0 or told or again:
            return False
        self._failed.add(rank)
        doubt = 0 if number in _FAULTS else 2 if number or code == _LOST_PEER else 1
        self._ends.append((when, doubt, of_rank(rank, replica, code, number, error)))
        self.failed = True
        return True

    def daemon_killed(self, replica: str, number: int) -> None:
        if self._daemon is None:
            sentence = "mpirun's daemon on {} was killed by {}".format(replica, signal_name(number))
            self._daemon = Blame(sentence, replica, 128 + number, number)
        self.failed = True

    def daemon_gone(self, replica: str) -> None:
        """A rank has lost its parent."""
        if self._daemon is None:
            self._daemon = Blame("mpirun's daemon on {} is gone".format(replica), replica)
        self.failed = True

    def mpirun_killed(self, replica: str, number: int) -> None:
        """Not by us, so its daemons and ranks only followed it."""
        sentence = "mpirun on {} was killed by {}".format(replica, signal_name(number))
        self._daemon = Blame(sentence, replica, 128 + number, number)
        self.failed = True

    def worker_lost(self, replica: str, reason: str) -> None:
        if self._worker is None:
            self._worker = Blame("{} is gone: {}".format(replica, reason), replica)
        self.failed = True

    def worker_stopping(self, replica: str, number: int) -> None:
        if self._worker is None:
            sentence = "{} was told to stop by {}".format(replica, signal_name(number))
            self._worker = Blame(sentence, replica, 128 + number, number)
        self.failed = True

    @property
    def settled(self) -> bool:
        """All ranks that have started have ended, or it does not matter."""
        return not self._running or self._worker is not None

    def blame(self, status: int) -> "Blame | None":
        """Whom to blame when mpirun has ended with this; None: nobody, or only mpirun knows.

        A worker that is gone takes its daemon along, a daemon its ranks, and these their peers. Of the ranks it is the
        first; of those that failed at about the same time one that crashed, rather than one that may have missed it.
        """
        if self._worker is not None:
            return self._worker
        if self._daemon is not None and not self._crashed_on(self._daemon.replica):
            return self._daemon
        if self._ends:
            first = min(when for when, _, _ in self._ends)
            together = [end for end in self._ends if end[0] - first <= TOGETHER_SECONDS]
            return min(together, key=lambda end: (end[1], end[0]))[2]
        if status == 0 and self._running:
            return _left_running(sorted(self._running), self.ranks)
        return None

    def _crashed_on(self, replica: "str | None") -> bool:
        """A rank there was killed: its daemon may only have ended with the same code, 137."""
        return any(doubt == 0 and blame.replica == replica for _, doubt, blame in self._ends)


def _left_running(ranks: "Sequence[int]", replicas: "dict[int, str]") -> Blame:
    """PRRTE has been seen to end with 0 when a daemon was lost."""
    named = ", ".join("{} on {}".format(rank, replicas[rank]) for rank in ranks[:_NAMED])
    more = " and {} more".format(len(ranks) - _NAMED) if len(ranks) > _NAMED else ""
    return Blame("mpirun ended with 0 while ranks were running: {}{}".format(named, more), replicas[ranks[0]])
