"""The chart comes up."""

from __future__ import annotations

import pytest
from e2e_cluster import Cluster
from e2e_plan import Plan
from e2e_release import Release
from e2e_store import StoreReader


def test_install(cluster: Cluster, plan: Plan, release: Release) -> None:
    """Install the chart: the operator is available, leads, and the CRDs are served."""
    (pod,) = release.pods()
    assert cluster.wait("the operator holds the Lease", release.leader).startswith(pod["metadata"]["name"])
    cluster.kubectl("wait", "--for=condition=Established", "crd/trainingjobs.footplate.dev", "--timeout=60s")
    assert "A Python script" in cluster.kubectl("explain", "trainingjob.spec.entrypoint.script")


def test_health_and_metrics(cluster: Cluster, release: Release, reader: StoreReader) -> None:
    """Ask the operator from another pod: it is ready, and tells its metrics."""
    (pod,) = release.pods()
    place = f"http://{pod['status']['podIP']}:8080"
    assert reader.page(f"{place}/readyz") == "ok"
    assert "footplate_build_info{" in reader.page(f"{place}/metrics")


def test_pod_security(cluster: Cluster, plan: Plan, release: Release) -> None:
    """Try a privileged pod: it is refused, so all that runs here passes the restricted Pod Security Standard."""
    container = {"name": "root", "image": plan.images.single, "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": {"containers": [container]}}
    refused = cluster.refused(pod)
    if refused is None:
        pytest.skip("this cluster does not enforce the Pod Security Standard that its namespaces ask for")
    assert "restricted" in refused
