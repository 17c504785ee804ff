"""Parameter servers and workers of a chief are stopped when it has ended, whatever becomes of the operator."""

from __future__ import annotations

from typing import Any

import pytest
from fake_kubelet import Script
from job_factory import parameter_servers
from operator_harness import Cluster

SERVING = ("digits-1-ps-0", "digits-1-worker-0")


@pytest.fixture
async def stopping(cluster: Cluster) -> Cluster:
    """The chief has ended, and the pods that served it are being deleted; no upload is finished."""
    cluster.scripts |= {name: Script(serves=True) for name in SERVING}
    cluster.kubelet.hold("upload")
    cluster.kubelet.hold("end")  # a pod that is deleted before it has started has nothing to upload
    await cluster.start_operator()
    await cluster.create(**parameter_servers())
    await cluster.phase("Running")
    cluster.kubelet.release("end")

    async def told() -> bool:
        return ((await cluster.job()).get("status") or {}).get("reason") == "StoppingReplicas"

    await cluster.until(told)
    return cluster


async def test_they_are_stopped_and_the_chief_decides(stopping: Cluster) -> None:
    stopping.kubelet.release("upload")
    status = await stopping.phase("Completed")
    assert [(a["number"], a["reason"]) for a in status["attempts"]] == [(1, "Completed")]
    counts = {role: (c["succeeded"], c["failed"]) for role, c in status["replicas"].items()}
    assert counts == {"chief": (1, 0), "worker": (0, 0), "ps": (0, 0)}
    assert status["run"]["files"] == 6, "the outputs of all three"
    assert persisted(status) == ("True", "")
    deleted = [write.rpartition("/")[2] for write in stopping.writes() if write.startswith("DELETE")]
    assert sorted(name for name in deleted if name in SERVING) == list(SERVING), "each once"


async def test_an_operator_that_was_away_while_they_ended_finds_the_job_done(stopping: Cluster) -> None:
    await stopping.kill_operator()
    stopping.kubelet.release("upload")

    async def gone() -> bool:
        return await stopping.pods() == ["digits-1-chief-0"]

    await stopping.until(gone)
    await stopping.start_operator()
    status = await stopping.phase("Completed")
    assert sorted(stopping.kubelet.seen) == ["digits-1-chief-0", *SERVING], "no pod is made again"
    assert persisted(status) == ("False", "no complete manifest of ps-0, worker-0 was seen")


async def test_an_operator_that_dies_while_they_are_stopped_loses_nothing(stopping: Cluster) -> None:
    await stopping.kill_operator()
    await stopping.start_operator()
    stopping.kubelet.release("upload")
    status = await stopping.phase("Completed")
    assert sorted(stopping.kubelet.seen) == ["digits-1-chief-0", *SERVING]
    assert len(status["attempts"]) == 1


def persisted(status: dict[str, Any]) -> tuple[str, str]:
    condition = next(c for c in status["conditions"] if c["type"] == "OutputsPersisted")
    return condition["status"], condition.get("message", "")
