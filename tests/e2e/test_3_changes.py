"""What happens to jobs meanwhile: they are canceled, lose their operator, and the chart is upgraded."""

from __future__ import annotations

from typing import Any

import e2e_jobs
from e2e_cluster import Cluster
from e2e_jobs import Gate
from e2e_plan import Plan
from e2e_release import Release
from e2e_store import StoreReader

JSON = dict[str, Any]


def begin(cluster: Cluster, plan: Plan, name: str) -> Gate:
    """A job that runs until its gate is opened."""
    gate = Gate(cluster, plan.images.single)
    e2e_jobs.start(cluster, name, "gated.py", plan.images.single, variables={"GATE": gate.address})
    cluster.phase(name, "Running")
    pod = cluster.pods(name)[0]["metadata"]["name"]

    def begun() -> bool | None:
        return "begun" in cluster.tried("logs", pod, "--container", "train").stdout or None

    cluster.wait(f"the program of {name} has begun", begun)
    return gate


def uids(cluster: Cluster, name: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in cluster.pods(name)}


def ends_untouched(cluster: Cluster, reader: StoreReader, name: str, gate: Gate, pods: set[str]) -> None:
    """The program was never started again, and its end is in the store."""
    assert uids(cluster, name) == pods
    gate.open()
    status = cluster.phase(name, "Completed")
    assert len(status["attempts"]) == 1
    assert reader.read(status["run"]["uri"]).texts["outputs/end.txt"] == "reached the end\n"


def test_cancel(cluster: Cluster, plan: Plan, release: Release) -> None:
    """Cancel a job that runs: its pods go, and kubectl can wait for it."""
    gate = begin(cluster, plan, "canceled")
    cluster.kubectl("patch", "trainingjob", "canceled", "--type", "merge", "--patch", '{"spec": {"cancel": true}}')
    cluster.phase("canceled", "Canceled")
    cluster.kubectl("wait", "--for=condition=Complete=False", "trainingjob/canceled", "--timeout=30s")
    cluster.wait("its pods are gone", lambda: not cluster.pods("canceled") or None)
    gate.open()


def test_operator_deleted(cluster: Cluster, plan: Plan, release: Release, reader: StoreReader) -> None:
    """Delete the operator while a job runs: another one leads, and the job does not notice."""
    gate = begin(cluster, plan, "orphaned")
    pods = uids(cluster, "orphaned")
    (old,) = release.pods()
    cluster.kubectl("delete", "pod", old["metadata"]["name"], "--wait=false", namespace=plan.release)

    def leads() -> bool | None:
        names = {pod["metadata"]["name"] for pod in release.pods()} - {old["metadata"]["name"]}
        return any((release.leader() or "").startswith(name) for name in names) or None

    cluster.wait("another operator leads", leads)
    release.rolled_out()
    ends_untouched(cluster, reader, "orphaned", gate, pods)


def test_upgrade(cluster: Cluster, plan: Plan, release: Release, reader: StoreReader) -> None:
    """Upgrade the chart while a job runs, to two operators with another setting: the job goes on."""
    gate = begin(cluster, plan, "upgraded")
    pods, before = uids(cluster, "upgraded"), {pod["metadata"]["uid"] for pod in release.pods()}
    release.upgrade(replicas=2, settings={"workers": 8})
    after = {pod["metadata"]["uid"] for pod in release.pods()}
    assert len(after) == 2
    assert not before & after
    ends_untouched(cluster, reader, "upgraded", gate, pods)
