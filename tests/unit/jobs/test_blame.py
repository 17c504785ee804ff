"""Who was the first to fail, when lost peers fail within milliseconds and clocks and control planes lag behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from job_factory import CONTEXT, DONE, after, at, ddp, ended, failed_pod, make_job, make_pod, running, seen, stamp

from footplate.api.phases import Phase
from footplate.jobs.blame import first_failure
from footplate.jobs.observe import Observed, PodView
from footplate.jobs.plan import plan

GRACE = 630


def report(end: float, **more: Any) -> dict[str, Any]:
    """A launcher's report with its time to the millisecond."""
    return {"endTime": at(end).isoformat(timespec="milliseconds").replace("+00:00", "Z"), **more}


def peer(index: int, end: float, code: int = 1) -> PodView:
    """A replica that ended by itself because it lost its peer."""
    message = report(end, error="RuntimeError: Connection closed by peer")
    return failed_pod(index, train=ended(code, end=int(end), message=message))


def stopped(index: int, end: float, code: int = 143) -> PodView:
    """A replica that we have stopped because of another."""
    train = ended(code, end=int(end), message=report(end))
    return failed_pod(index, train=train, deleted=end + GRACE, grace=GRACE)


def disrupted(index: int, reason: str, when: float, train: dict[str, Any], phase: str = "Failed") -> PodView:
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": reason,
        "message": "of the control plane",
        "lastTransitionTime": stamp(when),
    }
    return make_pod(index, phase=phase, agent=DONE, train=train, conditions=[condition], deleted=when + 30, grace=30)


def silent(index: int) -> PodView:
    """Its node died while we stopped it: it had to be removed by force, and nobody ever told how it ended."""
    return replace(make_pod(index, train=running(2), deleted=20 + GRACE, grace=GRACE), removed=True)


def blamed(*pods: PodView, lost: frozenset[str] = frozenset()) -> tuple[str, str]:
    found = first_failure(pods, lost)
    assert found is not None
    return str(found.replica), found.cause.value


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([peer(0, 10.2), peer(1, 10.1)], ("worker-1", "UserError"), id="within a second"),
        pytest.param([peer(0, 11.0), peer(1, 10.9)], ("worker-1", "UserError"), id="across the second"),
        pytest.param(
            [peer(0, 10.1), failed_pod(1, train=ended(137, end=10))], ("worker-1", "Signal"), id="killed with launcher"
        ),
        pytest.param(
            [peer(0, 10.9), failed_pod(1, train=ended(137, end=12))],
            ("worker-1", "Signal"),
            id="killed with its launcher, by a clock that is fast",
        ),
        pytest.param(
            [peer(0, 10.1), failed_pod(1, train=ended(137, end=11, reason="OOMKilled"))],
            ("worker-1", "OutOfMemory"),
            id="out of memory, told late",
        ),
        pytest.param(
            [peer(0, 10.1), failed_pod(1, train=ended(137, end=60, reason="OOMKilled"))],
            ("worker-0", "UserError"),
            id="out of memory a minute later is another story",
        ),
        pytest.param(
            [peer(0, 10.1, code=3), stopped(1, 12, 137)],
            ("worker-0", "UserError"),
            id="one that we stopped and that had to be killed",
        ),
        pytest.param(
            [peer(0, 10.1, code=134), failed_pod(1, train=ended(134, end=12))],
            ("worker-0", "Signal"),
            id="an abort without a report may come from a lost peer",
        ),
        pytest.param(
            [peer(0, 12), failed_pod(1, train=ended(1, end=15, message=report(15.1, stopTime=report(11)["endTime"])))],
            ("worker-1", "UserError"),
            id="a signal asked it to stop before the peers failed, and it took its time",
        ),
        pytest.param(
            [peer(0, 12.3), disrupted(1, "PreemptionByScheduler", 11, ended(143, end=35, message=report(35)))],
            ("worker-1", "Preempted"),
            id="preempted before the peers failed, ended after them",
        ),
        pytest.param(
            [peer(0, 12.3), disrupted(1, "EvictionByEvictionAPI", 60, ended(143, end=70, message=report(70)))],
            ("worker-0", "UserError"),
            id="evicted long after",
        ),
        pytest.param(
            [peer(0, 12.3), disrupted(1, "DeletionByTaintManager", 350, running(2), phase="Running")],
            ("worker-1", "NodeLost"),
            id="a node that the control plane gives up minutes later",
        ),
        pytest.param([peer(0, 12.3), silent(1)], ("worker-1", "NodeLost"), id="a pod that had to be removed by force"),
        pytest.param([peer(0, 12.3), stopped(1, 14)], ("worker-0", "UserError"), id="a pod that ended when asked"),
    ],
)
def test_the_first_cause(pods: list[PodView], expected: tuple[str, str]) -> None:
    lost = frozenset(pod.key.name for pod in pods if pod.removed)
    assert blamed(*pods, lost=lost) == expected
    assert blamed(*reversed(pods), lost=lost) == expected


def test_a_pod_whose_end_we_missed_is_not_a_lost_node() -> None:
    """A watch that was cut: the pod is known to be gone, not how it went."""
    missed = make_pod(1, train=running(2), deleted=20 + GRACE, grace=GRACE)
    assert blamed(peer(0, 12), missed, lost=frozenset({missed.key.name})) == ("worker-0", "UserError")


def test_a_node_that_dies_spends_the_infrastructure_budget_although_its_peer_failed_first() -> None:
    job = make_job(**ddp())
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    failed, dead = peer(0, 12), make_pod(1)

    def go(observed: Observed, seconds: float) -> Any:
        nonlocal job
        step = plan(job, observed, CONTEXT, at(seconds))
        job = after(job, step)
        return step

    stopping = go(seen(failed, dead), 13)
    assert (stopping.status.reason, [d.name for d in stopping.delete]) == ("UserError", ["digits-1-worker-1"])
    stuck = make_pod(1, deleted=13 + GRACE, grace=GRACE)
    assert go(seen(failed, stuck), 100).delete == []
    forced = go(seen(failed, stuck), 13 + GRACE + 31)
    assert [(d.name, d.force) for d in forced.delete] == [("digits-1-worker-1", True)]
    closed = go(Observed(pods=[failed], gone=[replace(stuck, removed=True)]), 13 + GRACE + 32)

    assert (closed.status.phase, closed.status.reason) == (Phase.SCALING, "Restarting")
    attempt = closed.status.attempts[0]
    assert (attempt.reason, attempt.replica, attempt.node) == ("NodeLost", "worker-1", "node-1")
    assert closed.status.retries is not None
    assert (closed.status.retries.user, closed.status.retries.infrastructure) == (0, 1)


@pytest.mark.parametrize(
    ("code", "replica", "sentence", "blame"),
    [
        (1, "worker-1", "worker-1 exited with code 1: ValueError: bad", "worker-1"),
        (137, "worker-1", "worker-1 was killed by SIGKILL", "worker-1"),
        (1, "worker-7", "worker-0 exited with code 1: ValueError: bad", "worker-0"),
        (1, None, "worker-0 exited with code 1: ValueError: bad", "worker-0"),
        (1, {"not": "a name"}, "worker-0 exited with code 1: ValueError: bad", "worker-0"),
    ],
)
def test_whom_the_launcher_blames(code: int, replica: object, sentence: str, blame: str) -> None:
    """mpirun on worker 0 tells of a rank on another node; a name that the job does not have is not believed."""
    message = report(10.5, error="ValueError: bad", replica=replica, lastLines=["rank 3: bad"])
    pods = [failed_pod(0, train=ended(code, end=10, message=message)), make_pod(1, train=ended(0, end=11))]

    found = first_failure(pods, frozenset())

    assert found is not None
    assert found.message == f"{sentence}\nlast lines:\n  rank 3: bad"
    assert (str(found.replica), found.node) == (blame, f"node-{blame[-1]}")


def test_the_blamed_replicas_own_cause_is_better_known() -> None:
    message = report(10.5, replica="worker-1", signal=9)
    pods = [
        failed_pod(0, train=ended(137, end=10, message=message)),
        failed_pod(1, train=ended(137, end=10, reason="OOMKilled")),
    ]
    assert blamed(*pods) == ("worker-1", "OutOfMemory")
