"""A replica that never runs, with the real operator against a real API server."""

from __future__ import annotations

from typing import Any

from fake_kubelet import Script
from job_factory import ddp
from operator_harness import Cluster

PODS = "/api/v1/namespaces/default/pods"
EVENTS = "/api/v1/namespaces/default/events"


async def _tell(cluster: Cluster, pod: str, reason: str, message: str, when: str) -> None:
    """An event as the kubelet writes it."""
    found = await cluster.call("GET", f"{PODS}/{pod}")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{pod}.{reason.lower()}", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": pod, "uid": found["metadata"]["uid"]},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": when,
    }
    await cluster.call("POST", EVENTS, event)


async def test_events_say_why_one_of_three_does_not_start(operated: Cluster) -> None:
    operated.scripts["digits-1-worker-1"] = Script(stuck={"reason": "PodInitializing"})
    operated.kubelet.hold("end")
    await operated.create(startTimeoutSeconds=9, **ddp(3))
    await operated.until(lambda: _bound(operated, "digits-1-worker-1"))
    missing = 'MountVolume.SetUp failed for volume "data" : secret "data" not found'
    await _tell(operated, "digits-1-worker-1", "FailedScheduling", "0/1 nodes", "2026-11-21T12:00:09Z")
    await _tell(operated, "digits-1-worker-1", "FailedAttachVolume", "busy", "2026-11-21T12:00:01Z")
    await _tell(operated, "digits-1-worker-1", "FailedMount", missing, "2026-11-21T12:00:02Z")
    await _tell(operated, "digits-1-worker-0", "FailedMount", "of another pod", "2026-11-21T12:00:08Z")

    async def told() -> Any:
        status = (await operated.job()).get("status") or {}
        return status if status.get("reason") == "FailedMount" else None

    status = await operated.until(told)
    assert (status["phase"], status["message"]) == ("Scaling", f"worker-1: {missing}")

    status = await operated.phase("Failed")
    assert status["reason"] == "FailedMount"
    assert status["message"] == f"worker-1: {missing}; not all replicas ran within startTimeoutSeconds (9 s)"
    assert status["attempts"][0]["replica"] == "worker-1"
    assert status["run"]["files"] == 4, "the outputs of the two that ran"


async def _bound(cluster: Cluster, pod: str) -> bool:
    found = next((p for p in (await cluster.call("GET", PODS))["items"] if p["metadata"]["name"] == pod), {})
    return bool(found.get("spec", {}).get("nodeName"))


async def test_without_the_right_to_read_events_a_job_only_says_less(operated: Cluster) -> None:
    """As with an operator whose role lacks it; the start's time is up all the same."""
    operated.scripts["digits-1-worker-0"] = Script(stuck={"reason": "PodInitializing"})
    operated.server.faults.add("GET", "/events", code=403, count=99)
    await operated.create(startTimeoutSeconds=7)
    status = await operated.phase("Failed")
    assert status["reason"] == "StartTimeout"
