"""Two operators as processes, an API server and a kubelet that runs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api_server import ApiServerInThread
from operator_harness import Cluster
from operator_pair import Pair


@pytest.fixture
async def cluster(api_server: ApiServerInThread) -> AsyncIterator[Cluster]:
    await asyncio.to_thread(api_server.load_crds)
    found = await asyncio.to_thread(Cluster, api_server, kubelet_pause=0.1)
    kubelet = found.kubelet_task = asyncio.create_task(found.kubelet.run())
    yield found
    kubelet.cancel()
    await asyncio.gather(kubelet, return_exceptions=True)
    found.within_its_rights()


@pytest.fixture
async def pair(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Pair]:
    """Not started yet."""
    found = Pair(cluster.server, tmp_path)
    yield found
    await found.end()
