"""The chart goes; what the jobs left stays."""

from __future__ import annotations

import json

import e2e_jobs
from e2e_cluster import Cluster
from e2e_plan import Plan
from e2e_release import Release
from e2e_store import StoreReader

CRD = "trainingjobs.footplate.dev"


def finished(cluster: Cluster, plan: Plan, name: str = "single") -> str:
    """The address of the run of a job that has completed; that of an earlier step will do."""
    if cluster.get("trainingjob", name) is None:
        e2e_jobs.start(cluster, name, "single.py", plan.images.single)
    return str(cluster.phase(name, "Completed")["run"]["uri"])


def record(reader: StoreReader, uri: str) -> str:
    return str(json.loads(reader.read(uri).texts["run.json"])["phase"])


def test_uninstall_keeps_jobs(cluster: Cluster, plan: Plan, release: Release, reader: StoreReader) -> None:
    """Uninstall the chart: the operator is gone; the CRDs, the jobs and their records stay."""
    uri = finished(cluster, plan)
    release.uninstall()
    cluster.wait("the operator is gone", lambda: not release.pods() or None)
    assert cluster.get("crd", CRD) is not None
    assert cluster.job("single")["status"]["phase"] == "Completed"
    assert record(reader, uri) == "Completed"


def test_install_again_then_without_keeping(
    cluster: Cluster, plan: Plan, release: Release, reader: StoreReader
) -> None:
    """Install it for one namespace, uninstall with crds.keep=false: the jobs go with the CRDs, their records stay."""
    if release.begun:  # the step before was left out
        release.uninstall()
    release.install(crds={"keep": False}, replicas=1, watchNamespaces=[cluster.namespace])
    uri = finished(cluster, plan)
    again = finished(cluster, plan, "again")
    release.uninstall()
    cluster.wait("the CRDs are gone", lambda: cluster.get("crd", CRD) is None or None)
    assert [record(reader, address) for address in (uri, again)] == ["Completed", "Completed"]
