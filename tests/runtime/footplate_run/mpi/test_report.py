"""What the mpiruns say, word by word as they were heard."""

from __future__ import annotations

import pytest

from footplate_run.mpi.report import blame_in

RANKS = {rank: f"worker-{rank // 2}" for rank in range(6)}

OPEN_MPI_4_ABORT = """\
--------------------------------------------------------------------------
MPI_ABORT was invoked on rank 3 in communicator MPI_COMM_WORLD
with errorcode 7.

NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes."""
OPEN_MPI_5_ABORT = """\
MPI_ABORT was invoked on rank 3 in communicator MPI_COMM_WORLD
  Proc: [[1289,1],3]
  Errorcode: 7

NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes.
[worker-0:00000] *** An error occurred in Socket closed
prterun has exited due to process rank 3 with PID 29662 on node worker-1 calling
"abort". This may have caused other processes in the application to be
terminated by signals sent by prterun (as reported here)."""
HYDRA_ABORT = "Abort(7) on node 3 (rank 3 in comm 0): application called MPI_Abort(MPI_COMM_WORLD, 7) - process 3"
OPEN_MPI_4_SIGNAL = """\
mpirun noticed that process rank 5 with PID 31102 on node worker-2 exited on signal 9 (Killed)."""
OPEN_MPI_4_CODE = """\
mpirun detected that one or more processes exited with non-zero status, thus causing
the job to be terminated. The first process to do so was:

  Process name: [[54898,1],5]
  Exit code:    7"""
OPEN_MPI_5_CODE = """\
prterun detected that one or more processes exited with non-zero status,
thus causing the job to be terminated. The first process to do so was:

   Process name: [prterun-worker-0-30074@1,5]
   Exit code:    7"""
MPICH_END = """\
===================================================================================
=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES
=   PID 32034 RUNNING AT worker-2
=   EXIT CODE: 9
=   CLEANING UP REMAINING PROCESSES"""
INTEL_END = """\
=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES
=   RANK 4 PID 3325 RUNNING AT worker-2
=   KILLED BY SIGNAL: 9 (Killed)"""


@pytest.mark.parametrize(
    ("words", "sentence", "replica", "code"),
    [
        (OPEN_MPI_4_ABORT, "rank 3 on worker-1 called MPI_Abort with 7", "worker-1", 7),
        (OPEN_MPI_5_ABORT, "rank 3 on worker-1 called MPI_Abort with 7", "worker-1", 7),
        (HYDRA_ABORT, "rank 3 on worker-1 called MPI_Abort with 7", "worker-1", 7),
        (OPEN_MPI_4_SIGNAL, "rank 5 on worker-2 was killed by SIGKILL", "worker-2", 137),
        (OPEN_MPI_4_CODE, "rank 5 on worker-2 exited with code 7", "worker-2", 7),
        (OPEN_MPI_5_CODE, "rank 5 on worker-2 exited with code 7", "worker-2", 7),
        (MPICH_END, "a process on worker-2 was killed by SIGKILL", "worker-2", 137),
        (INTEL_END, "rank 4 on worker-2 was killed by SIGKILL", "worker-2", 137),
    ],
)
def test_words_of_mpirun(words: str, sentence: str, replica: str, code: int) -> None:
    blame = blame_in(f"before\n{words}\nafter".splitlines(), RANKS)
    assert blame is not None
    assert (blame.sentence, blame.replica, blame.code) == (sentence, replica, code)


def test_an_abort_comes_before_its_consequences() -> None:
    blame = blame_in([*OPEN_MPI_4_SIGNAL.splitlines(), *OPEN_MPI_4_ABORT.splitlines()], RANKS)
    assert blame is not None
    assert blame.rank == 3


def test_a_rank_whose_host_is_not_known() -> None:
    blame = blame_in(HYDRA_ABORT.splitlines(), {})
    assert blame is not None
    assert (blame.sentence, blame.replica) == ("rank 3 called MPI_Abort with 7", None)


def test_nothing_in_other_words() -> None:
    assert blame_in(["epoch 1", "ValueError: no rank 3 here"], RANKS) is None
