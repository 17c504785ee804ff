"""What a job of many nodes asks of the API server to begin with."""

from __future__ import annotations

from collections import Counter
from typing import Any

from job_factory import ddp
from operator_harness import Cluster

from footplate.kube.client import KubeClient

NODES = 60
AT_ONCE = 50


async def test_pods_are_created_together_but_not_all_at_once(cluster: Cluster) -> None:
    under_way, most = 0, 0

    def counting(client: KubeClient) -> KubeClient:
        create = client.create

        async def counted(*args: Any, **kwargs: Any) -> dict[str, Any]:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            try:
                return await create(*args, **kwargs)
            finally:
                under_way -= 1

        client.create = counted  # type: ignore[method-assign]
        return client

    cluster.kubelet.hold("start")
    await cluster.start_operator(counting)
    await cluster.create(**ddp(NODES))

    async def all_created() -> bool:
        return len(await cluster.pods()) == NODES

    await cluster.until(all_created, 60, "all pods are there")
    status = await cluster.phase("Scaling")
    assert status["replicas"]["worker"]["desired"] == NODES
    assert most == AT_ONCE

    writes = Counter(kind_of(write) for write in cluster.writes())
    assert writes["POST configmaps"] == writes["POST services"] == 1
    assert writes["POST pods"] == NODES
    assert writes["PUT trainingjobs"] <= 3, "the status tells of all pods at once"


def kind_of(write: str) -> str:
    """`POST pods` of `POST /api/v1/namespaces/default/pods/…`."""
    verb, path = write.split()[:2]
    return f"{verb} {path.partition('/namespaces/default/')[2].partition('/')[0].partition('?')[0]}"
