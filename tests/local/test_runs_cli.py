"""The commands that read runs: while a job runs, when it has ended, when it was deleted, when the cluster is gone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from called import Done, called
from local_cluster import LocalCluster
from s3_server import S3Server, s3_server

__all__ = ["s3_server"]

TRAIN = """
import argparse, pathlib, time
from footplate_run import Run

options = argparse.ArgumentParser()
options.add_argument("--rate", type=float)
rate = options.parse_args().rate
run = Run.get_context()
for step in range(5):
    run.log("loss", rate / (step + 1), step=step)
print("at rate", rate, flush=True)
pathlib.Path("outputs/model.txt").write_text(f"trained with {rate}")
while not pathlib.Path(%r).exists():
    time.sleep(0.05)
"""


def check_all(footplate: Callable[..., Done], first: str, second: str, folder: Path) -> None:
    """Every command on two runs that have ended."""

    def said(*arguments: str) -> str:
        done = footplate(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    listed = {run["name"]: run for run in json.loads(said("runs", "--sort", "loss", "-o", "json"))}
    assert list(listed) == [second, first], "the least loss comes first"
    assert {run["phase"] for run in listed.values()} == {"Completed"}
    assert (listed[first]["parameters"], listed[first]["experiment"]) == ({"rate": 2}, "rates")
    document = json.loads(said("run", "show", first, "-o", "json"))
    assert [output["path"] for output in document["outputs"]] == ["model.txt"]
    assert document["outputs"][0]["sha256"]
    assert document["metrics"]["loss"]["count"] == 5
    assert re.search(r"phase +Completed", said("run", "show", first))
    assert f"{first}  last 0.4, min 0.4, max 2, 5 values" in said("metrics", first, "loss", "--compare", second)
    assert said("logs", first) == "at rate 2.0\n"
    fetched = footplate("outputs", "get", first, "--all", str(folder / "got"))
    assert "all as their manifest says" in fetched.stderr
    assert (folder / "got/model.txt").read_text() == "trained with 2.0"
    rows = {row["name"]: row for row in json.loads(said("compare", first, second, "-o", "json"))["rows"]}
    assert (rows["rate"]["differs"], rows["rate"]["values"]) == (True, [2, 1])


def test_runs_are_there_whatever_is_gone(own_cluster: LocalCluster, tmp_path: Path) -> None:
    env = {"FOOTPLATE_HOME": str(own_cluster.home.path), "KUBECONFIG": "", "FOOTPLATE_STORE": "", "COLUMNS": "100"}

    def footplate(*arguments: str) -> Done:
        return called(*arguments, env=env)

    end = tmp_path / "end"
    first = own_cluster.start(TRAIN % str(end), experiment="rates", parameters={"rate": 2})
    own_cluster.phase(first, "Running")
    own_cluster.wait("its outputs go up", lambda: "model.txt" in footplate("outputs", "ls", first).stdout)
    own_cluster.wait("its metrics go up", lambda: "5 values" in footplate("metrics", first, "loss").stdout)
    assert re.search(r"phase +Running +AllReplicasRunning", footplate("run", "show", first).stdout)
    assert f"{first}-" not in footplate("runs").stdout, "its name is enough"
    assert footplate("outputs", "get", first, "model.txt", str(tmp_path / "early")).returncode == 0

    end.touch()
    second = own_cluster.start(TRAIN % str(end), experiment="rates", parameters={"rate": 1})
    for name in (first, second):
        assert own_cluster.ended(name)["phase"] == "Completed"
    check_all(footplate, first, second, tmp_path / "ended")

    for name in (first, second):
        own_cluster.delete(name)
    for name in (first, second):
        own_cluster.wait("the job is gone", lambda name=name: own_cluster.request("GET", job_path(name)) is None)
    check_all(footplate, first, second, tmp_path / "deleted")

    own_cluster.down()
    stopped = footplate("runs")
    assert "the embedded cluster is not running; this is what its store" in stopped.stderr
    check_all(footplate, first, second, tmp_path / "stopped")
    env |= {"FOOTPLATE_HOME": str(tmp_path / "nothing"), "FOOTPLATE_STORE": own_cluster.store.as_uri()}
    check_all(footplate, first, second, tmp_path / "elsewhere")


def test_a_cluster_says_where_its_jobs_write(local_cluster: LocalCluster, s3_server: S3Server, tmp_path: Path) -> None:
    """The same cluster, known by its kubeconfig alone, as a real one is; one of its jobs has a store of its own."""
    keys, code = local_cluster.name("keys"), "open('outputs/model.txt', 'w').write('done')"
    secret = {"AWS_ENDPOINT_URL": s3_server.endpoint, **s3_server.env}
    local_cluster.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": keys}, "stringData": secret},
    )
    usual = local_cluster.start(code)
    own = local_cluster.start(code, outputs={"store": {"uri": s3_server.new_uri(), "secretName": keys}})
    for name in (usual, own):
        local_cluster.phase(name, "Completed")
    env = {"FOOTPLATE_HOME": str(tmp_path), "KUBECONFIG": str(local_cluster.home.kubeconfig), "FOOTPLATE_STORE": ""}

    def listed(more: dict[str, str]) -> tuple[dict[str, str], str]:
        done = called("runs", "-o", "json", env={**env, **more})
        assert done.returncode == 0, done.stderr
        return {run["name"]: run["ended"] for run in json.loads(done.stdout)}, done.stderr

    runs, complaint = listed(secret)
    assert {usual, own} <= set(runs)
    assert complaint == ""
    got = called("outputs", "get", own, "--all", str(tmp_path / "got"), env={**env, **secret})
    assert (got.returncode, (tmp_path / "got/model.txt").read_text()) == (0, "done"), got.stderr

    runs, complaint = listed({**secret, "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert {usual, own} <= set(runs), "what the cluster still has is listed whatever its store says"
    assert "The store refused access to s3://" in complaint


def job_path(name: str) -> str:
    return f"/apis/footplate.dev/v1alpha1/namespaces/default/trainingjobs/{name}"
