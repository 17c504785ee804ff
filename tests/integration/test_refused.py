"""kopf with credentials that the API server does not take."""

from __future__ import annotations

import asyncio

import kopf
import pytest
from api_server import ApiServerInThread
from operator_harness import SETTINGS
from prometheus_client import CollectorRegistry

from footplate.__main__ import watch
from footplate.app import Operator
from footplate.engine.clock import SystemClock
from footplate.kube.client import KubeClient
from footplate.metrics import OperatorMetrics

SECONDS = 30.0


async def test_it_ends_and_does_not_ask_on(api_server: ApiServerInThread) -> None:
    """The kubelet starts the operator anew, with pauses between; asking on would take the API server's time."""
    api_server.load_crds()
    api_server.faults.add("GET", "/trainingjobs", code=401, count=10_000)
    registry = CollectorRegistry()

    async def look() -> None:
        clock = SystemClock()
        metrics = OperatorMetrics(registry, clock)
        client = await KubeClient.connect(kubeconfig=str(api_server.kubeconfig), clock=clock)
        try:
            await asyncio.wait_for(watch(Operator(client, SETTINGS, clock, metrics), lambda: None), SECONDS)
        finally:
            await client.close()

    with pytest.raises(kopf.LoginError):
        await asyncio.to_thread(asyncio.run, look())  # kopf, when it ends, cancels every other task of its loop
    refused = registry.get_sample_value("footplate_api_calls_total", {"verb": "list", "code": "401"})
    assert refused == 1
