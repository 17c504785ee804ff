"""Stores other than the usual folder: a real S3 server, and one that breaks while the job runs."""

from __future__ import annotations

import json
from pathlib import Path

from local_cluster import LocalCluster
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
