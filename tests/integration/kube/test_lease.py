"""Leadership against the embedded API server: real conflicts, real restarts."""

from __future__ import annotations

import asyncio

from api_server import ApiServerInThread
from kube_client import BriskClock, connected

from footplate.kube.client import KubeClient
from footplate.kube.lease import LeaderLease
from footplate.kube.resources import LEASES

HASTE = 20.0
SECONDS = 20.0


def candidate(client: KubeClient, identity: str, clock: BriskClock) -> LeaderLease:
    return LeaderLease(client, "operator", "default", identity, clock)


async def test_one_leads_and_the_other_takes_over_when_it_is_released(api_server: ApiServerInThread) -> None:
    clock = BriskClock(HASTE)
    async with connected(api_server, clock=clock) as client, asyncio.timeout(SECONDS):
        first, second = (candidate(client, name, clock) for name in ("first", "second"))
        await first.acquire()
        holding = asyncio.ensure_future(first.hold())
        waiting = asyncio.ensure_future(second.acquire())
        await clock.sleep(20)
        assert first.leading
        assert not waiting.done()
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
        released = clock.monotonic()
        await first.release()
        await waiting
        assert clock.monotonic() - released < 15  # the lease's duration was not waited for
        lease = await client.get(LEASES, "operator", "default")
        assert lease is not None
        assert lease["spec"]["holderIdentity"] == "second"
        assert lease["spec"]["leaseTransitions"] == 1


async def test_the_holder_loses_when_the_server_is_away_and_wins_again_when_it_is_back(
    api_server: ApiServerInThread,
) -> None:
    clock = BriskClock(HASTE)
    async with connected(api_server, clock=clock) as client, asyncio.timeout(SECONDS):
        lease = candidate(client, "only", clock)
        await lease.acquire()
        await asyncio.to_thread(api_server.stop)
        await lease.hold()
        assert not lease.leading
        await asyncio.to_thread(api_server.start)
        await lease.acquire()
        assert lease.leading


async def test_of_many_candidates_one_wins(api_server: ApiServerInThread) -> None:
    clock = BriskClock(HASTE)
    async with connected(api_server, clock=clock) as client, asyncio.timeout(SECONDS):
        candidates = [candidate(client, f"candidate-{i}", clock) for i in range(5)]
        tasks = [asyncio.ensure_future(lease.acquire()) for lease in candidates]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await clock.sleep(5)
        assert [lease.leading for lease in candidates].count(True) == 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
