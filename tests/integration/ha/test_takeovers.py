"""The leading operator is killed and stopped at random moments: every job completes, none runs twice."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from fake_kubelet import Script
from job_factory import ddp
from operator_harness import Cluster
from operator_pair import DEFAULT_LEASE, QUICK_LEASE, Pair

from footplate.kube.fence import LEASE_EXPIRED

TAKEOVER_SECONDS = 20.0
LEASE_LOST = 1  # the exit code of an operator that could not renew its lease, and noticed it by itself


@dataclass(frozen=True)
class Story:
    """So many takeovers during so many jobs, whose programs take as long as a few of the former."""

    takeovers: int
    jobs: int
    lease: Mapping[str, float]
    seed: int = 6

    @property
    def jobs_a_round(self) -> int:
        return self.jobs // self.takeovers


FULL = pytest.mark.all_takeovers
STORIES = [
    pytest.param(Story(3, 9, QUICK_LEASE), id="three"),
    pytest.param(Story(50, 100, QUICK_LEASE), id="fifty with a short lease", marks=FULL),
    pytest.param(Story(50, 100, DEFAULT_LEASE), id="fifty", marks=FULL),
]


class Load:
    """Jobs of one or two nodes, all of which end well."""

    def __init__(self, cluster: Cluster, chance: random.Random, longest: float) -> None:
        self._cluster = cluster
        self._chance = chance
        self._longest = longest
        self.pods: list[str] = []
        self.jobs: list[str] = []

    async def add(self) -> None:
        name = f"job-{len(self.jobs)}"
        nodes = self._chance.choice([1, 1, 2])
        self.jobs.append(name)
        for node in range(nodes):
            pod = f"{name}-1-worker-{node}"
            self.pods.append(pod)
            self._cluster.scripts[pod] = Script(seconds=self._chance.uniform(0, self._longest))
        await self._cluster.create(name, **(ddp(nodes) if nodes > 1 else {}))


@pytest.mark.parametrize("story", STORIES)
async def test_every_job_completes_once(cluster: Cluster, pair: Pair, story: Story) -> None:
    chance = random.Random(story.seed)
    load = Load(cluster, chance, longest=2 * story.lease["duration"])
    await pair.start(story.lease, kept=True)
    takeovers = []
    for number in range(story.takeovers):
        for _ in range(story.jobs_a_round - 1):
            await load.add()
        await asyncio.sleep(chance.uniform(0, 1.5))  # somewhere in what the operator does for these
        leader = pair.leader()
        process, before = leader.process, leader.identity()
        stopped = number % 2 == 1
        leader.send(signal.SIGSTOP if stopped else signal.SIGKILL)
        since = time.monotonic()
        await load.add()  # for which the heir has something to write
        takeovers.append(await pair.heir_writes(before, since) - since)
        if stopped:
            leader.send(signal.SIGCONT)
        await asyncio.wait_for(process.wait(), 60)
        await pair.whole()
    print(told(takeovers))
    for name in load.jobs:
        status = await cluster.phase("Completed", name=name, seconds=120)
        assert status["attempt"] == 1
        assert [a["reason"] for a in status["attempts"]] == ["Completed"]
        await cluster.recorded(name)
    # A busy machine may end a lease on top of these, which does no harm.
    # The alarm goes off by its default, too, in a Python that is ending already and has given its handlers up.
    ends = {LEASE_EXPIRED, LEASE_LOST, -signal.SIGALRM, -signal.SIGKILL}
    assert {LEASE_EXPIRED, -signal.SIGKILL} <= set(pair.exit_codes) <= ends
    assert max(takeovers) < TAKEOVER_SECONDS
    nothing_was_done_twice(cluster, pair, load)


def nothing_was_done_twice(cluster: Cluster, pair: Pair, load: Load) -> None:
    reigns = pair.record.reigns()
    assert len(reigns) == len(set(reigns)), "an operator has written after another one had begun to"
    assert sorted(cluster.kubelet.seen) == sorted(load.pods)
    assert pair.record.created("pods") == len(cluster.kubelet.seen) + len(cluster.kubelet.recorders)
    assert len(set(cluster.kubelet.recorders)) == len(cluster.kubelet.recorders)
    assert pair.record.created("configmaps") == len(load.jobs)
    finalizers = pair.record.of_each_job("PATCH", "")
    assert finalizers == dict.fromkeys(load.jobs, 2), "put on once and taken off once"


def told(takeovers: list[float]) -> str:
    ordered = sorted(takeovers)
    middle = ordered[len(ordered) // 2]
    return (
        f"{len(ordered)} takeovers: {ordered[0]:.1f} s at least, {middle:.1f} s in the middle, {ordered[-1]:.1f} s at "
        f"most; all: {' '.join(f'{seconds:.1f}' for seconds in ordered)}"
    )


async def test_an_operator_that_is_told_to_end_gives_the_lease_back(cluster: Cluster, pair: Pair) -> None:
    """With the lease as it is by default, so that nothing but giving it back makes the other lead so soon."""
    await pair.start(DEFAULT_LEASE)
    await cluster.create("before")
    await cluster.phase("Completed", name="before")
    leader = pair.leader()
    leader.send(signal.SIGTERM)
    since = time.monotonic()
    await cluster.create("after")
    assert await pair.heir_writes(leader.identity(), since) - since < 6  # it looks every two seconds
    assert await leader.ended() == 0
    await cluster.phase("Completed", name="after")
    assert len(pair.record.reigns()) == 2


async def test_a_short_stop_changes_nothing(cluster: Cluster, pair: Pair) -> None:
    await pair.start(DEFAULT_LEASE)
    leader = pair.leader()
    leader.send(signal.SIGSTOP)
    await cluster.create()
    await asyncio.sleep(1)
    leader.send(signal.SIGCONT)
    await cluster.phase("Completed")
    assert pair.leader() is leader
    assert pair.record.reigns() == [leader.identity()]
