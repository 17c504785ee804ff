"""The chart comes up."""

from __future__ import annotations

import pytest
from e2e_cluster import Cluster
from e2e_embedded import EmbeddedCluster
from e2e_plan import Plan
from e2e_release import Release


def test_install(cluster: Cluster, plan: Plan, release: Release) -> None:
    """Install the chart: the operator is available, leads, and the CRDs are served."""
    (pod,) = release.pods()
    assert cluster.wait("the operator holds the Lease", release.leader).startswith(pod["metadata"]["name"])
    cluster.kubectl("wait", "--for=condition=Established", "crd/trainingjobs.footplate.dev", "--timeout=60s")
    assert "A Python script" in cluster.kubectl("explain", "trainingjob.spec.entrypoint.script")


def test_metrics_of_the_operator(
    cluster: Cluster, plan: Plan, release: Release, embedded: EmbeddedCluster | None
) -> None:
    """Read the operator's metrics through the API server."""
    if embedded:
        pytest.skip("the embedded cluster has no way to a pod's port through the API server")
    (pod, *_) = release.pods()
    place = f"/api/v1/namespaces/{plan.release}/pods/{pod['metadata']['name']}:8080/proxy/metrics"
    assert "footplate_" in cluster.kubectl("get", "--raw", place)
