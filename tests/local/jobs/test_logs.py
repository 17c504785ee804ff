"""What a job leaves to read: in its pod, in the store, and from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from local_cluster import CORE, ENVIRONMENTS, JOBS, LocalCluster
from tiny_package import write_tiny

TOKEN, KEY = "wandb-0123456789abcdef", "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END KEY-----\n"
LEAKS = """
import os, sys
print("token", os.environ["TOKEN"], "region", os.environ["REGION"])
print(os.environ["MODEL_KEY"])
sys.stdout.flush()
open("logs/own.log", "w").write(os.environ["TOKEN"])
raise ValueError("bad token " + os.environ["TOKEN"])
"""


def secret(name: str, **values: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def test_values_of_secrets_are_nowhere(local_cluster: LocalCluster) -> None:
    one, whole = local_cluster.name("one"), local_cluster.name("whole")
    local_cluster.apply(secret(one, token=TOKEN), secret(whole, KEY=KEY))
    train = {
        "name": "train",
        "env": [
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": one, "key": "token"}}},
            {"name": "REGION", "value": "europe-west4"},
        ],
        "envFrom": [{"secretRef": {"name": whole}, "prefix": "MODEL_"}],
    }
    name = local_cluster.start(LEAKS, podTemplate={"spec": {"containers": [train]}})
    status = local_cluster.phase(name, "Failed")
    assert status["message"].startswith("worker-0 exited with code 1: ValueError: bad token ***\n")
    run = local_cluster.run_dir(name)
    log = (run / "logs/1/worker-0.log").read_text()
    assert log.startswith("token *** region europe-west4\n***\n***\n***\n")
    assert log.endswith("ValueError: bad token ***\n")
    pod = local_cluster.pods(name)[0]
    seen = local_cluster.kubectl("logs", pod["metadata"]["name"], "-c", "train")
    assert (seen.returncode, seen.stdout) == (0, log)
    assert local_cluster.footplate("logs", name).stdout == log
    (run / "logs/1/worker-0/own.log").unlink()  # what the program writes into its own files is its affair
    written = [path.read_bytes() for path in run.rglob("*") if path.is_file()]
    for told in (json.dumps(local_cluster.job(name)).encode(), json.dumps(pod).encode(), *written):
        assert TOKEN.encode() not in told
        assert b"MIIEvQIBADANBgkqhkiG" not in told


GROWS = """
import os, time
kept = []
for step in range(1000):
    kept.append(b"x" * (16 << 20))
    with open("outputs/checkpoint.tmp", "w") as file:
        file.write(f"weights of step {step}")
    os.rename("outputs/checkpoint.tmp", "outputs/checkpoint")
    print("step", step, flush=True)
    time.sleep(0.1)
"""


def test_a_job_that_runs_out_of_memory_keeps_its_last_words(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(GROWS, resources={"memory": "200Mi"})
    status = local_cluster.phase(name, "Failed")
    assert status["reason"] == "OutOfMemory", local_cluster.report(name)
    assert status["message"].startswith("worker-0 ran out of memory; ask for more in spec.resources.memory")
    uid = local_cluster.pods(name)[0]["metadata"]["uid"]
    volume, run = local_cluster.pods_dir / uid / "volumes/footplate", local_cluster.run_dir(name)
    log = (run / "logs/1/worker-0.log").read_text()
    assert log == (volume / "state/console.log").read_text()
    steps = log.splitlines()
    assert len(steps) >= 5
    assert steps == [f"step {n}" for n in range(len(steps))]
    checkpoint = (run / "outputs/checkpoint").read_text()
    assert checkpoint == (volume / "outputs/checkpoint").read_text()
    assert int(checkpoint.rpartition(" ")[2]) >= len(steps) - 1, "it was written before its line was printed"
    assert json.loads((run / "manifest.json").read_text())["complete"] is True
    assert "ran out of memory" in local_cluster.kubectl("describe", "tj", name).stdout
    assert local_cluster.footplate("logs", name).stdout == log


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with the package ``tiny`` 1.2."""
    folder = tmp_path / "wheels"
    write_tiny(folder)
    return folder


def environment(name: str, *pip: str) -> dict[str, Any]:
    return {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "Environment",
        "metadata": {"name": name},
        "spec": {"pip": list(pip)},
    }


def test_how_its_environment_was_built_is_beside_its_logs(local_cluster: LocalCluster, wheels: Path) -> None:
    name = local_cluster.name("built")
    local_cluster.apply(environment(name, f"--no-index --find-links {wheels}", "tiny"))
    local_cluster.start("import tiny\nprint(tiny.WORD)", name, image=None, environment={"name": name})
    local_cluster.phase(name, "Completed", seconds=120)
    log = (local_cluster.run_dir(name) / "logs/environment-build.log").read_text()
    assert "Successfully installed tiny-1.2" in log
    local_cluster.wait("the build's pod is deleted", lambda: not builds(local_cluster, name))
    shown = local_cluster.footplate("logs", "--build", name)
    assert (shown.returncode, shown.stdout) == (0, log), shown.stderr
    local_cluster.delete(name)
    local_cluster.wait("the job is gone", lambda: local_cluster.request("GET", f"{JOBS}/{name}") is None)
    of_environment = local_cluster.footplate("logs", "--build", name)
    assert (of_environment.returncode, of_environment.stdout) == (0, log), of_environment.stderr
    local_cluster.request("DELETE", f"{ENVIRONMENTS}/{name}")
    of_run = local_cluster.footplate("logs", "--build", name)
    assert (of_run.returncode, of_run.stdout) == (0, log), of_run.stderr


def test_the_log_of_a_build_that_failed(local_cluster: LocalCluster, wheels: Path) -> None:
    name = local_cluster.name("failing")
    local_cluster.apply(environment(name, f"--no-index --find-links {wheels}", "nothing-of-this-name"))
    local_cluster.start("", name, image=None, environment={"name": name})
    status = local_cluster.phase(name, "Failed", seconds=120)
    assert status["reason"] == "EnvironmentBuildFailed"
    shown = local_cluster.footplate("logs", "--build", name)
    assert shown.returncode == 0, shown.stderr
    assert "No matching distribution found for nothing-of-this-name" in shown.stdout
    stored = local_cluster.request("GET", f"{ENVIRONMENTS}/{name}")["status"]["buildLog"]
    assert Path(unquote(urlsplit(stored).path)).read_text() == shown.stdout


def test_an_image_that_nobody_built_has_no_build_log(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print(1)")
    local_cluster.phase(name, "Completed")
    shown = local_cluster.footplate("logs", "--build", name)
    assert shown.returncode == 2
    assert shown.stderr == f"error: {name} names an image of its own, which nobody had to build\n"
    store = local_cluster.home.store.as_uri()  # jobs of other tests have stores that need keys
    assert local_cluster.footplate("logs", "--build", "nobody", "--store", store).returncode == 2


def builds(cluster: LocalCluster, name: str) -> list[dict[str, Any]]:
    return list(cluster.request("GET", f"{CORE}/pods?labelSelector=footplate.dev/environment%3D{name}")["items"])
