"""Reads mpirun's own words about a failure. Pure: lines of its stderr in, whom it blames out.

They are the last resort: an MPI_Abort leaves nothing else, for the ranks are told to end then; other failures are known
better from the ranks themselves.
"""

import re

from footplate_run.mpi.outcome import Blame, of_rank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Open MPI 4: "MPI_ABORT was invoked on rank 3 in communicator MPI_COMM_WORLD\nwith errorcode 7."
# Open MPI 5: "MPI_ABORT was invoked on rank 3 in communicator MPI_COMM_WORLD\n  Proc: [[1289,1],3]\n  Errorcode: 7"
_OPEN_MPI_ABORT = re.compile(
    r"MPI_ABORT was invoked on rank (\d+) in communicator .*?[Ee]rrorcode:? (-?\d+)", re.DOTALL
)
# MPICH, Intel MPI: "Abort(7) on node 3 (rank 3 in comm 0): application called MPI_Abort(MPI_COMM_WORLD, 7) - process 3"
_HYDRA_ABORT = re.compile(r"Abort\((-?\d+)\) on node \d+ \(rank (\d+) in comm")
# Open MPI 4: "mpirun noticed that process rank 5 with PID 31102 on node worker-2 exited on signal 9 (Killed)."
_OPEN_MPI_SIGNAL = re.compile(r"process rank (\d+) with PID \d+ on node (\S+) exited on\s+signal (\d+)")
# Open MPI 4 and 5: "The first process to do so was:\n\n  Process name: [[54898,1],5]\n  Exit code:    7"
_OPEN_MPI_CODE = re.compile(r"Process name: \[.*?,(\d+)\]\s+Exit code:\s+(\d+)")
# MPICH: "=   PID 32034 RUNNING AT worker-2\n=   EXIT CODE: 9"
# Intel MPI: "=   RANK 5 PID 3326 RUNNING AT worker-2\n=   KILLED BY SIGNAL: 9 (Killed)"
_HYDRA_END = re.compile(
    r"=   (?:RANK (\d+) )?PID \d+ RUNNING AT (\S+)\s+=   (?:KILLED BY SIGNAL|(EXIT CODE|EXIT STATUS)): (\d+)"
)


def blame_in(lines: "Sequence[str]", ranks: "Mapping[int, str]") -> "Blame | None":
    """Whom the words blame first; ``ranks`` has the replica of each rank, for the words may not name it."""
    text = "\n".join(lines)
    abort = _OPEN_MPI_ABORT.search(text)
    if abort is not None:
        return _aborted(int(abort.group(1)), int(abort.group(2)), ranks)
    abort = _HYDRA_ABORT.search(text)
    if abort is not None:
        return _aborted(int(abort.group(2)), int(abort.group(1)), ranks)
    killed = _OPEN_MPI_SIGNAL.search(text)
    if killed is not None:
        number = int(killed.group(3))
        return of_rank(int(killed.group(1)), killed.group(2), 128 + number, number)
    ended = _OPEN_MPI_CODE.search(text)
    if ended is not None:
        rank = int(ended.group(1))
        return of_rank(rank, ranks.get(rank), int(ended.group(2)), 0)
    ended = _HYDRA_END.search(text)
    if ended is not None:
        named, host, kind, value = ended.groups()
        # Hydra calls a signal an exit code; a rank that exits by itself is no bad termination to it.
        number = 0 if kind == "EXIT STATUS" else int(value)
        return of_rank(int(named or -1), host, 128 + number if number else int(value), number)
    return None


def _aborted(rank: int, code: int, ranks: "Mapping[int, str]") -> Blame:
    replica = ranks.get(rank)
    where = " on {}".format(replica) if replica else ""
    return Blame(
        "rank {}{} called MPI_Abort with {}".format(rank, where, code), replica, code & 255 or 1, 0, True, rank
    )
