"""A leader that was stopped, or whose requests arrive late, changes nothing after another one has taken over."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import stopping_operator
from job_factory import ddp
from operator_harness import JOBS, PODS, Cluster
from operator_pair import QUICK_LEASE, Pair
from operator_process import OperatorProcess, until
from request_record import carried_out, is_write, operator_of
from stopping_operator import NO_HARD_STOP, STOPPED

from footplate.kube.fence import LEASE_EXPIRED
from footplate_local.apiserver.http.faults import Request

FULL = pytest.mark.all_takeovers
JOB = f"{JOBS}/digits"
LEASE_LOST = 1  # the exit code of an operator that notices by itself

# Every kind of write that there is to a job's life: method, path.
WRITES = {
    "the finalizer": ("PATCH", JOB),
    "the orders": ("POST", "/api/v1/namespaces/default/configmaps"),
    "the service": ("POST", "/api/v1/namespaces/default/services"),
    "a pod": ("POST", PODS),
    "the status": ("PUT", f"{JOB}/status"),
    "a pod's deletion": ("DELETE", f"{PODS}/digits-1-worker-1"),
}


def cases(quick: str) -> list[object]:
    """All kinds of writes, of which one is tried in every run of the tests."""
    return [pytest.param(*WRITES[name], id=name, marks=() if name == quick else FULL) for name in WRITES]


async def leader_and_heir(pair: Pair, *program: str, **environment: str) -> tuple[OperatorProcess, OperatorProcess]:
    """The first leads, which may be another program than the operator's; the second waits."""
    await pair.start_in_order(QUICK_LEASE, program, **environment)
    return pair.operators[0], pair.operators[1]


async def completed_by(cluster: Cluster, pair: Pair, heir: OperatorProcess, pods_left: int) -> None:
    """The other operator has taken over, brought the job to its end and cleaned up, with everything done once."""
    status = await cluster.phase("Completed", seconds=60)
    assert status["attempt"] == 1
    await cluster.recorded()

    async def clean() -> bool:
        return len(await cluster.pods()) == pods_left

    await cluster.until(clean, 60)
    await until(lambda: pair.record.reigns()[-1] == heir.identity(), pair.scene)


async def state(cluster: Cluster) -> tuple[object, list[str]]:
    job = await cluster.job()
    return (job["status"], job["metadata"].get("finalizers")), sorted(await cluster.pods())


def requests_of(pair: Pair, operator: OperatorProcess) -> list[Request]:
    return [r for r in pair.record.collect() if operator_of(r) == operator.identity()]


@pytest.mark.parametrize(("method", "path"), cases(quick="a pod"))
async def test_who_is_stopped_between_look_and_write_does_not_write_when_it_wakes(
    cluster: Cluster, pair: Pair, method: str, path: str
) -> None:
    paused, heir = await leader_and_heir(pair, str(Path(stopping_operator.__file__)), method, path)
    await cluster.create(**ddp(2))
    await until(lambda: STOPPED in paused.said(), pair.scene)
    await completed_by(cluster, pair, heir, pods_left=0)
    before, sent = await state(cluster), len(requests_of(pair, paused))
    paused.send(signal.SIGCONT)
    assert await paused.ended() == LEASE_EXPIRED
    assert len(requests_of(pair, paused)) == sent
    assert await state(cluster) == before
    assert sorted(cluster.kubelet.seen) == ["digits-1-worker-0", "digits-1-worker-1"]


@FULL
@pytest.mark.parametrize(("method", "path"), cases(quick="a pod"))
async def test_without_the_hard_stop_that_write_is_refused(
    cluster: Cluster, pair: Pair, method: str, path: str
) -> None:
    """What is stopped is then sent as soon as it wakes, and nothing after it."""
    program = (str(Path(stopping_operator.__file__)), method, path)
    paused, heir = await leader_and_heir(pair, *program, **{NO_HARD_STOP: "1"})
    left = 0 if method == "DELETE" else 2
    await cluster.create(**ddp(2), cleanup={"pods": "Never" if left else "Always"})
    await until(lambda: STOPPED in paused.said(), pair.scene)
    await completed_by(cluster, pair, heir, left)
    before, sent = await state(cluster), len(requests_of(pair, paused))
    paused.send(signal.SIGCONT)
    assert await paused.ended() == LEASE_LOST
    late = [r for r in requests_of(pair, paused)[sent:] if is_write(r)]
    assert [r.method for r in late] == [method]
    assert not any(carried_out(r) for r in late)
    assert await state(cluster) == before


@pytest.mark.parametrize(("method", "path"), cases(quick="the status"))
async def test_what_arrives_late_changes_nothing(cluster: Cluster, pair: Pair, method: str, path: str) -> None:
    """Sent while it led, and held by the network until the other has brought the job to its end. Pods are kept."""
    paused, heir = await leader_and_heir(pair)
    fault = cluster.server.faults.add(method, f"^{path}$", action="hold")
    left = 0 if method == "DELETE" else 2
    await cluster.create(**ddp(2), cleanup={"pods": "Never" if left else "Always"})
    await until(lambda: fault.count == 0, pair.scene)
    paused.send(signal.SIGSTOP)
    await completed_by(cluster, pair, heir, left)
    before = await state(cluster)
    fault.release()
    await until(lambda: any(r.fault == "hold" for r in pair.record.collect()), pair.scene)
    (late,) = (r for r in pair.record.requests if r.fault == "hold")
    assert operator_of(late) == paused.identity()
    assert not carried_out(late), late
    assert await state(cluster) == before
    paused.send(signal.SIGCONT)
    assert await paused.ended() == LEASE_EXPIRED
    assert sorted(cluster.kubelet.seen) == ["digits-1-worker-0", "digits-1-worker-1"]


async def test_a_pod_that_comes_late_where_it_was_deleted_already_goes_again(cluster: Cluster, pair: Pair) -> None:
    """The one late write that an API server cannot refuse. Whoever leads removes what it has made."""
    paused, heir = await leader_and_heir(pair)
    fault = cluster.server.faults.add("POST", f"^{PODS}$", action="hold")
    await cluster.create()
    await until(lambda: fault.count == 0, pair.scene)
    paused.send(signal.SIGSTOP)
    await completed_by(cluster, pair, heir, pods_left=0)
    before = await state(cluster)
    cluster.kubelet.hold("start")
    fault.release()
    # The kubelet may never see the second one, so soon is it deleted.
    await until(lambda: pair.record.created("pods") == 2, pair.scene)

    async def gone() -> bool:
        return not await cluster.pods()

    await cluster.until(gone)
    assert await state(cluster) == before
