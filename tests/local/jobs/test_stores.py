"""Stores other than the usual folder: a real S3 server, and one that breaks while the job runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_proxy import fault_proxy
from local_cluster import LocalCluster
from own_certificate import own_certificate
from s3_server import S3Server, s3_server

from footplate_runtime.store import open_store

__all__ = ["s3_server"]


def secret(name: str, values: dict[str, str]) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def test_a_store_of_the_jobs_own(local_cluster: LocalCluster, s3_server: S3Server) -> None:
    keys = local_cluster.name("keys")
    local_cluster.apply(secret(keys, {**s3_server.env, "AWS_ENDPOINT_URL": s3_server.endpoint}))
    uri = s3_server.new_uri()
    name = local_cluster.start(
        "open('outputs/model.txt', 'w').write('done')", outputs={"store": {"uri": uri, "secretName": keys}}
    )
    status = local_cluster.phase(name, "Completed")
    assert status["run"]["uri"].startswith(f"{uri}default/{name}-")
    run = open_store(status["run"]["uri"], s3_server.endpoint, s3_server.region, s3_server.env)
    assert run.get("outputs/model.txt") == b"done"
    manifest = json.loads(run.get("manifest.json"))
    assert manifest["complete"] is True
    assert [entry["path"] for entry in manifest["files"]] == ["outputs/model.txt"]
    assert json.loads(run.get("run.json"))["phase"] == "Completed"


def test_a_store_with_a_ca_of_its_own(local_cluster: LocalCluster, s3_server: S3Server, tmp_path: Path) -> None:
    """The CA lies in the Secret, and the Secret is mounted in our containers: fetch, the agent and the recorder."""
    with fault_proxy(s3_server.endpoint, certificate := own_certificate(tmp_path)) as store:
        keys = local_cluster.name("keys")
        values = {**s3_server.env, "AWS_ENDPOINT_URL": store.endpoint, "ca.crt": certificate[0].read_text()}
        local_cluster.apply(secret(keys, values))
        outputs = {"store": {"uri": s3_server.new_uri(), "secretName": keys}}
        name = local_cluster.start("raise SystemExit(3)", outputs=outputs)
        status = local_cluster.phase(name, "Failed")
        assert status["reason"] == "UserError"
        run = open_store(status["run"]["uri"], s3_server.endpoint, s3_server.region, s3_server.env)
        assert json.loads(run.get("manifest.json"))["complete"] is True
        local_cluster.wait("the record", lambda: json.loads(run.get("run.json")).get("reason") == "UserError")


def test_keys_that_are_refused(local_cluster: LocalCluster, s3_server: S3Server) -> None:
    keys = local_cluster.name("keys")
    wrong = {**s3_server.env, "AWS_SECRET_ACCESS_KEY": "wrong", "AWS_ENDPOINT_URL": s3_server.endpoint}
    local_cluster.apply(secret(keys, wrong))
    name = local_cluster.start(
        "print(1)", outputs={"store": {"uri": s3_server.new_uri(), "secretName": keys}, "flushSeconds": 2}
    )
    status = local_cluster.phase(name, "Failed")
    assert status["reason"] == "SourceUnavailable"
    assert "check the keys in the store's Secret" in status["message"]


def test_a_store_that_breaks_while_the_job_runs(local_cluster: LocalCluster, tmp_path: Path) -> None:
    store = tmp_path / "store"
    code = f"""
import pathlib, shutil
store = pathlib.Path({str(store)!r})
shutil.rmtree(store)
store.write_text('no folder any more')
pathlib.Path('outputs/model.txt').write_text('lost?')
"""
    outputs = {"store": {"uri": store.as_uri()}, "flushSeconds": 1}
    name = local_cluster.start(code, outputs=outputs, podTemplate={"spec": {"terminationGracePeriodSeconds": 3}})
    status = local_cluster.phase(name, "Failed")
    assert status["reason"] == "OutputUploadFailed", local_cluster.report(name)
    assert status["message"].startswith("worker-0 ended well, but its outputs are not all in the store: ")
    assert "missing: outputs/model.txt" in status["message"]
    persisted = next(c for c in status["conditions"] if c["type"] == "OutputsPersisted")
    assert (persisted["status"], "worker-0" in persisted["message"]) == ("False", True)
    kept = (
        local_cluster.pods_dir / local_cluster.pods(name)[0]["metadata"]["uid"] / "volumes/footplate/outputs/model.txt"
    )
    assert kept.read_text() == "lost?", "what is in no store is still in the failed pod"

    store.unlink()
    command = [str(Path(sys.executable).with_name("footplate")), "upload", "--pod-dir", str(kept.parents[3])]
    saved = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert saved.returncode == 0, saved.stderr
    assert (local_cluster.run_dir(name) / "outputs/model.txt").read_text() == "lost?"


def not_persisted(cluster: LocalCluster, name: str) -> dict[str, Any]:
    """The condition of a job whose program ended well and whose outputs did not get where they belong."""
    status = cluster.phase(name, "Failed")
    assert status["reason"] == "OutputUploadFailed", cluster.report(name)
    assert status["attempts"][0]["reason"] == "OutputUploadFailed"
    conditions = {c["type"]: c for c in status["conditions"]}
    assert conditions["Complete"]["status"] == "False"
    found: dict[str, Any] = conditions["OutputsPersisted"]
    assert found["status"] == "False"
    return found


def test_keys_that_the_agent_alone_needs(local_cluster: LocalCluster, s3_server: S3Server) -> None:
    """Fetch had nothing to read or write; so the program runs before anybody learns that the keys are wrong."""
    keys = local_cluster.name("keys")
    wrong = {**s3_server.env, "AWS_SECRET_ACCESS_KEY": "wrong", "AWS_ENDPOINT_URL": s3_server.endpoint}
    local_cluster.apply(secret(keys, wrong))
    name = local_cluster.start(
        "",
        source=None,
        entrypoint={"command": ["sh", "-c", "echo weights > $0/model.txt", "$(outputs)"]},
        outputs={"store": {"uri": s3_server.new_uri(), "secretName": keys}, "flushSeconds": 2},
        podTemplate={"spec": {"terminationGracePeriodSeconds": 4}},
    )
    condition = not_persisted(local_cluster, name)
    assert "outputs/model.txt" in condition["message"]
    assert "The store refused access to" in condition["message"]
    assert "check the keys in the store's Secret" in condition["message"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 512 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_is_full(local_cluster: LocalCluster, small_disk: Path) -> None:
    code = "open('outputs/small.txt', 'w').write('fits')\nopen('outputs/large.bin', 'wb').write(bytes(1 << 20))"
    outputs = {"store": {"uri": small_disk.as_uri()}, "flushSeconds": 1}
    name = local_cluster.start(code, outputs=outputs, podTemplate={"spec": {"terminationGracePeriodSeconds": 4}})
    condition = not_persisted(local_cluster, name)
    assert "outputs/large.bin" in condition["message"]
    assert "outputs/small.txt" not in condition["message"]
    assert "the disk is full; free some space" in condition["message"]
    assert (local_cluster.run_dir(name) / "outputs/small.txt").read_text() == "fits"


def test_a_disk_that_takes_no_more_writes(local_cluster: LocalCluster, small_disk: Path, tmp_path: Path) -> None:
    code = f"""
import os, time
while not os.path.exists({str(tmp_path / "go")!r}):
    time.sleep(0.05)
open('outputs/model.txt', 'w').write('weights')
"""
    outputs = {"store": {"uri": small_disk.as_uri()}, "flushSeconds": 1}
    name = local_cluster.start(code, outputs=outputs, podTemplate={"spec": {"terminationGracePeriodSeconds": 4}})
    local_cluster.phase(name, "Running")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    (tmp_path / "go").touch()
    condition = not_persisted(local_cluster, name)
    assert "outputs/model.txt" in condition["message"]
    assert "read-only file system" in condition["message"]
