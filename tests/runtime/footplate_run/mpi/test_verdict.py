from __future__ import annotations

from collections.abc import Callable

import pytest

from footplate_run.mpi.verdict import Verdict

KILL, TERM, ABRT = 9, 15, 6
Events = Callable[[Verdict], object]


def judged(*events: Events, status: int = 1) -> tuple[str | None, str | None, int]:
    verdict = Verdict()
    for rank in range(6):
        verdict.rank_started(rank, f"worker-{rank // 2}")
    for event in events:
        event(verdict)
    blame = verdict.blame(status)
    return (None, None, status) if blame is None else (blame.sentence, blame.replica, blame.code)


def exits(rank: int, code: int, when: float = 0, told: bool = False) -> Events:
    return lambda verdict: verdict.rank_ended(rank, f"worker-{rank // 2}", code, 0, told, when)


def killed(rank: int, number: int, when: float = 0, told: bool = False) -> Events:
    return lambda verdict: verdict.rank_ended(rank, f"worker-{rank // 2}", 128 + number, number, told, when)


ALL_WELL = [exits(rank, 0) for rank in range(6)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([killed(5, KILL)], ("rank 5 on worker-2 was killed by SIGKILL", "worker-2", 137)),
        ([exits(3, 7)], ("rank 3 on worker-1 exited with code 7", "worker-1", 7)),
        # Of two the first, whatever the order in which they are heard.
        ([exits(3, 7, when=9), exits(1, 4, when=8)], ("rank 1 on worker-0 exited with code 4", "worker-0", 4)),
        # It says so before it aborts; how it is ended then does not count.
        ([exits(3, 7, when=8), killed(3, KILL, when=8.1)], ("rank 3 on worker-1 exited with code 7", "worker-1", 7)),
        # About the same time: who crashed, then who exited, then who only lost a peer.
        ([exits(0, 1, 8), killed(5, KILL, 8.1)], ("rank 5 on worker-2 was killed by SIGKILL", "worker-2", 137)),
        ([exits(0, 14, when=8), exits(5, 7, when=8.1)], ("rank 5 on worker-2 exited with code 7", "worker-2", 7)),
        ([killed(0, ABRT, when=8), exits(5, 7, when=8.1)], ("rank 5 on worker-2 exited with code 7", "worker-2", 7)),
        ([exits(0, 14, when=8)], ("rank 0 on worker-0 exited with code 14", "worker-0", 14)),
        ([exits(0, 14, when=8), killed(5, KILL, when=9)], ("rank 0 on worker-0 exited with code 14", "worker-0", 14)),
        # What mpirun has asked to end is not to blame.
        ([killed(0, TERM, 1, told=True), exits(3, 7, 2)], ("rank 3 on worker-1 exited with code 7", "worker-1", 7)),
        ([killed(0, TERM, told=True)], (None, None, 1)),
        # A daemon takes its ranks along, and a worker its daemon.
        (
            [exits(4, 3), lambda v: v.daemon_killed("worker-2", KILL)],
            ("mpirun's daemon on worker-2 was killed by SIGKILL", "worker-2", 137),
        ),
        # Some daemons end with 137 when a rank of theirs was killed.
        (
            [killed(4, KILL), lambda v: v.daemon_killed("worker-2", KILL)],
            ("rank 4 on worker-2 was killed by SIGKILL", "worker-2", 137),
        ),
        (
            [killed(2, KILL), lambda v: v.daemon_killed("worker-2", KILL)],
            ("mpirun's daemon on worker-2 was killed by SIGKILL", "worker-2", 137),
        ),
        (
            [lambda v: v.daemon_killed("worker-2", KILL), lambda v: v.worker_lost("worker-1", "it is away")],
            ("worker-1 is gone: it is away", "worker-1", 1),
        ),
        (
            [lambda v: v.worker_lost("worker-2", "it is away"), lambda v: v.worker_lost("worker-1", "it too")],
            ("worker-2 is gone: it is away", "worker-2", 1),
        ),
        ([lambda v: v.worker_stopping("worker-2", TERM)], ("worker-2 was told to stop by SIGTERM", "worker-2", 143)),
        ([lambda v: v.daemon_gone("worker-0")], ("mpirun's daemon on worker-0 is gone", "worker-0", 1)),
    ],
)  # fmt: skip
def test_who_is_to_blame(events: list[Events], expected: tuple[str | None, str | None, int]) -> None:
    assert judged(*events) == expected


def test_nobody_when_all_ranks_have_ended_well() -> None:
    assert judged(*ALL_WELL, status=0) == (None, None, 0)


def test_an_mpirun_that_ends_well_is_not_believed_while_ranks_run() -> None:
    said, replica, code = judged(*ALL_WELL[:4], status=0)
    assert said == "mpirun ended with 0 while ranks were running: 4 on worker-2, 5 on worker-2"
    assert (replica, code) == ("worker-2", 1)


def test_nor_when_a_rank_has_failed() -> None:
    assert judged(*ALL_WELL[:5], exits(5, 3), status=0)[2] == 3


def test_it_is_settled_when_all_ranks_have_ended_or_a_worker_is_lost() -> None:
    verdict = Verdict()
    verdict.rank_started(0, "worker-0")
    assert not verdict.settled
    verdict.worker_lost("worker-0", "")
    assert verdict.settled
    verdict = Verdict()
    verdict.rank_started(0, "worker-0")
    verdict.rank_ended(0, "worker-0", 0, 0, False, 1)
    assert verdict.settled


def test_the_one_to_blame_says_why() -> None:
    verdict = Verdict()
    verdict.rank_ended(3, "worker-1", 1, 0, False, 8.1, "ValueError: image 17")
    verdict.rank_ended(3, "worker-1", 134, 6, False, 8.2)
    verdict.rank_ended(5, "worker-2", 1, 0, False, 8.3, "MPI.Exception: lost a peer")
    blame = verdict.blame(1)
    assert blame is not None
    assert blame.error == "ValueError: image 17"
