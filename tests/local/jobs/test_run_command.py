"""`footplate run` from a file to an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from local_cluster import LocalCluster, config_map, job_manifest


def written(folder: Path, name: str, code: str, **spec: object) -> str:
    """The path of a YAML file with a job and its code."""
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump_all([config_map(f"{name}-code", {"train.py": code}), job_manifest(name, **spec)]))
    return str(path)


def test_0_when_the_job_completes(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("run")
    file = written(tmp_path, name, "print('hello there')\nopen('outputs/model.txt', 'w').write('done')")
    done = local_cluster.footplate("run", file)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert "hello there" in said
    assert f"{name} completed" in said
    assert f"{local_cluster.run_dir(name)}/outputs/" in said


def test_1_when_it_fails(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("run")
    done = local_cluster.footplate("run", written(tmp_path, name, "print('almost')\nraise ValueError('bad shape')"))
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert f"{name} failed" in said
    assert "UserError: worker-0 exited with code 1: ValueError: bad shape" in said
    assert "almost" in said.split(f"{name} failed")[1], "the last lines are in its last words"


def test_2_when_the_manifest_is_refused(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("run")
    done = local_cluster.footplate("run", written(tmp_path, name, "print(1)", nodes=2))
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert "distribution" in said
    assert "Traceback" not in said
    assert local_cluster.request("GET", f"/apis/footplate.dev/v1alpha1/namespaces/default/trainingjobs/{name}") is None


def test_its_json_is_the_job(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("run")
    done = local_cluster.footplate("run", "--output", "json", written(tmp_path, name, "print(1)"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"]["phase"] == "Completed"
