"""The real operator, kopf included, against the embedded API server and a kubelet that runs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from api_server import ApiServerInThread
from operator_harness import Cluster


@pytest.fixture
async def cluster(api_server: ApiServerInThread) -> AsyncIterator[Cluster]:
    """API server and kubelet run; the operator is started by the test or by the fixture `operated`."""
    await asyncio.to_thread(api_server.load_crds)
    found = await asyncio.to_thread(Cluster, api_server)
    kubelet = found.kubelet_task = asyncio.create_task(found.kubelet.run())
    yield found
    await found.kill_operator()
    kubelet.cancel()
    await asyncio.gather(kubelet, return_exceptions=True)
    found.within_its_rights()


@pytest.fixture
async def operated(cluster: Cluster) -> Cluster:
    await cluster.start_operator()
    return cluster
