"""Jobs that never get to run: no environment, no code, no data, no room."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from http_files import HttpFiles, http_files
from local_cluster import LocalCluster

IDLE = "import time\ntime.sleep(60)"


def failed(cluster: LocalCluster, name: str, reason: str) -> str:
    """The message of a job that must fail for this reason; `kubectl get tj` shows it."""
    status = cluster.phase(name, "Failed")
    assert status["reason"] == reason, cluster.report(name)
    wide = cluster.kubectl("get", "tj", name, "-o", "wide").stdout
    assert reason in wide
    return str(status["message"])


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """A git repository with train.py on its only branch."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "train.py").write_text("print('from git')")
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "train.py"], ["commit", "-qm", "The first"]):
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)
    return folder.as_uri()


@pytest.fixture
def web() -> Any:
    with http_files() as server:
        yield server


def test_an_environment_that_does_not_build(local_cluster: LocalCluster) -> None:
    environment = {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "Environment",
        "metadata": {"name": local_cluster.name("env")},
        "spec": {"pip": ["/nonexistent/package-1.0-py3-none-any.whl"]},
    }
    local_cluster.apply(environment)
    name = local_cluster.start("print(1)", image=None, environment={"name": environment["metadata"]["name"]})
    message = failed(local_cluster, name, "EnvironmentBuildFailed")
    assert "No such file or directory: '/nonexistent/package-1.0-py3-none-any.whl'" in message
    assert environment["metadata"]["name"] in message
    assert local_cluster.pods(name) == []


def test_an_environment_that_is_not_there_yet(local_cluster: LocalCluster) -> None:
    wanted = local_cluster.name("env")
    name = local_cluster.start("print(1)", image=None, environment={"name": wanted})
    status = local_cluster.phase(name, "Preparing")
    assert (status["reason"], wanted in status["message"]) == ("EnvironmentNotFound", True)
    environment = {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "Environment",
        "metadata": {"name": wanted},
        "spec": {"image": "footplate/runtime"},
    }
    local_cluster.apply(environment)
    status = local_cluster.phase(name, "Completed")
    assert (status["environment"]["name"], status["environment"]["version"]) == (wanted, 1)


def test_git(local_cluster: LocalCluster, repository: str) -> None:
    name = local_cluster.start("", source={"git": {"url": repository, "revision": "main"}})
    status = local_cluster.phase(name, "Completed")
    assert len(status["source"]["revision"]) == 40
    assert (local_cluster.run_dir(name) / "logs/1/worker-0.log").read_text() == "from git\n"


def test_a_git_revision_that_is_not_there(local_cluster: LocalCluster, repository: str) -> None:
    name = local_cluster.start("", source={"git": {"url": repository, "revision": "release-9"}})
    message = failed(local_cluster, name, "SourceUnavailable")
    assert message.startswith("worker-0: ")
    assert "release-9" in message
    assert repository in message


def test_an_archive_with_another_checksum(local_cluster: LocalCluster, tmp_path: Path) -> None:
    archive = tmp_path / "code.tar.gz"
    (tmp_path / "train.py").write_text("print('from an archive')")
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "train.py", "train.py")
    right = hashlib.sha256(archive.read_bytes()).hexdigest()
    wrong = "0" * 64
    name = local_cluster.start("", source={"archive": {"uri": archive.as_uri(), "sha256": wrong}})
    message = failed(local_cluster, name, "SourceUnavailable")
    assert f"has the sha256 {right}, not {wrong}" in message
    good = local_cluster.start("", source={"archive": {"uri": archive.as_uri(), "sha256": right}})
    status = local_cluster.phase(good, "Completed")
    assert status["source"]["revision"] == f"sha256:{right}"


def test_a_config_map_that_is_not_there_yet(local_cluster: LocalCluster) -> None:
    code = local_cluster.name("code")
    name = local_cluster.start("", source={"configMap": {"name": code}})
    status = local_cluster.phase(name, "Preparing")
    assert (status["reason"], f"no ConfigMap {code} in namespace default" in status["message"]) == (
        "SourceNotFound",
        True,
    )
    local_cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": code}, "data": {"train.py": "print(1)"}}
    )
    local_cluster.phase(name, "Completed")


def test_keys_of_the_store_that_are_not_there_yet(local_cluster: LocalCluster) -> None:
    keys = local_cluster.name("keys")
    name = local_cluster.start("print(1)", outputs={"store": {"uri": local_cluster.store.as_uri(), "secretName": keys}})
    told = "CreateContainerConfigError"
    local_cluster.wait("the missing Secret is told", lambda: local_cluster.status(name).get("reason") == told)
    assert keys in local_cluster.status(name)["message"]
    local_cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": keys}, "stringData": {"A": "b"}})
    local_cluster.phase(name, "Completed")


def test_a_volume_whose_secret_is_not_there(local_cluster: LocalCluster) -> None:
    """The kubelet tells of volumes in events alone."""
    secret = local_cluster.name("secret")
    volumes = {"spec": {"volumes": [{"name": "extra", "secret": {"secretName": secret}}]}}
    name = local_cluster.start(IDLE, podTemplate=volumes, startTimeoutSeconds=10)
    told = local_cluster.wait(
        "the volume is told", lambda: (s := local_cluster.status(name)).get("reason") == "FailedMount" and s["message"]
    )
    assert told.startswith("worker-0: ")
    assert secret in told
    message = failed(local_cluster, name, "FailedMount")
    assert message == f"{told}; not all replicas ran within startTimeoutSeconds (10 s)"


def test_room_for_one_of_two(local_cluster: LocalCluster) -> None:
    """The replica that ran is stopped and what it wrote is kept; the cause is why the other one did not run."""
    name = local_cluster.start(
        "open('outputs/early.txt', 'w').write('so far')\n" + IDLE,
        nodes=2,
        distribution={"jax": {}},
        resources={"cpu": "9"},
        startTimeoutSeconds=6,
    )
    message = failed(local_cluster, name, "Unschedulable")
    assert "Insufficient cpu" in message
    attempt = local_cluster.status(name)["attempts"][0]
    ran = {"worker-0": "worker-1", "worker-1": "worker-0"}[attempt["replica"]]
    assert message.startswith(f"{attempt['replica']}: ")
    early = "outputs/early.txt" if ran == "worker-0" else f"ranks/{ran}/outputs/early.txt"
    assert (local_cluster.run_dir(name) / early).read_text() == "so far"


def test_a_file_that_is_not_there(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print(1)", inputs=[{"name": "digits", "uri": "file:///nonexistent/digits.csv"}])
    message = failed(local_cluster, name, "InputUnavailable")
    assert message.startswith("worker-0: Input digits: ")
    assert "/nonexistent/digits.csv" in message


def test_a_page_that_is_not_there(local_cluster: LocalCluster, web: HttpFiles) -> None:
    name = local_cluster.start("print(1)", inputs=[{"name": "digits", "uri": f"{web.url}/digits.csv"}])
    message = failed(local_cluster, name, "InputUnavailable")
    assert message.startswith("worker-0: Input digits: ")
    assert "404" in message


def test_a_gpu_that_is_not_there(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(IDLE, resources={"gpu": 64}, startTimeoutSeconds=2)
    message = failed(local_cluster, name, "Unschedulable")
    assert "0/1 nodes are available" in message
    assert "nvidia.com/gpu" in message
    assert message.endswith("not all replicas ran within startTimeoutSeconds (2 s)")
    local_cluster.delete(name)


def test_an_image_with_an_impossible_name(local_cluster: LocalCluster) -> None:
    message = failed(local_cluster, local_cluster.start("print(1)", image="Not/An/IMAGE:::"), "InvalidImage")
    assert "invalid reference format" in message


def test_an_unknown_machine_image_runs_with_a_warning(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print(1)", image="python:3.12")
    local_cluster.phase(name, "Completed")
    events = local_cluster.kubectl("get", "events").stdout
    warned = [line for line in events.splitlines() if f"{name}-1-worker-0" in line and "Warning" in line]
    assert len(warned) == 1
    assert "python:3.12" in warned[0]
