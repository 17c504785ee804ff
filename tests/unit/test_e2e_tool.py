"""`make e2e`: which cluster it takes, what it makes, and what it says when there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from e2e_plan import Plan, PlanError, plan_of

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "e2e.py"
NO_E2E = {name: value for name, value in os.environ.items() if name not in ("KUBECONFIG", "IMAGE_PREFIX", "E2E_FLAGS")}


def called(folder: Path, programs: dict[str, int], **environment: str) -> tuple[int, list[str], str]:
    """The exit code, what was called and what was said; `programs` are there and end with these codes."""
    folder.mkdir(exist_ok=True)
    log = folder / "called"
    log.touch()
    for name, code in programs.items():
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\nexit {code}\n')
        path.chmod(0o755)
    # Collecting alone: which cluster the suite is given is looked at in test_the_suite_is_told.
    given = {**NO_E2E, "PATH": f"{folder}:/usr/sbin", "E2E_FLAGS": "--collect-only --quiet", **environment}
    done = subprocess.run([sys.executable, str(TOOL)], env=given, capture_output=True, text=True, timeout=120)
    return done.returncode, log.read_text().splitlines(), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ({}, "kind is not on the PATH; docker is not on the PATH"),
        ({"kind": 0, "docker": 1}, "docker does not work"),
        ({"docker": 0}, "kind is not on the PATH"),
    ],
    ids=["nothing", "docker does not run", "no kind"],
)
def test_what_is_missing_is_said(tmp_path: Path, programs: dict[str, int], words: str) -> None:
    code, _, said = called(tmp_path / "bin", programs)
    assert code == 2
    assert words in said
    assert "--embedded" in said


def test_images_of_somewhere_else_are_asked_for(tmp_path: Path) -> None:
    code, _, said = called(tmp_path / "bin", {}, KUBECONFIG="/somewhere")
    assert code == 2
    assert "IMAGE_PREFIX" in said


def test_a_cluster_of_kind_goes_in_the_end(tmp_path: Path) -> None:
    code, made, said = called(tmp_path / "bin", {"kind": 0, "docker": 0, "make": 0})
    assert code == 0, said
    assert [line.split(" --")[0] for line in made] == [
        "docker info",
        "make images",
        "kind create cluster",
        "kind load docker-image",
        "kind delete cluster",
    ]
    assert "footplate/operator:" in made[3]


def test_a_cluster_that_was_not_made_goes_too(tmp_path: Path) -> None:
    code, made, said = called(tmp_path / "bin", {"kind": 3, "docker": 0, "make": 0})
    assert code == 2
    assert made[-1].startswith("kind delete cluster")
    assert "ended with 3" in said


def test_images_that_cannot_be_built_make_no_cluster(tmp_path: Path) -> None:
    code, made, _ = called(tmp_path / "bin", {"kind": 0, "docker": 0, "make": 1})
    assert code == 2
    assert made == ["docker info", "make images"]


def test_the_cluster_has_nodes_for_two_replicas() -> None:
    config = yaml.safe_load((ROOT / "kind-config.yaml").read_text())
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"KUBECONFIG": "{file}"}, "IMAGE_PREFIX"),
        ({"IMAGE_PREFIX": "x"}, "KUBECONFIG"),
        ({"KUBECONFIG": "/nowhere", "IMAGE_PREFIX": "x"}, "/nowhere"),
    ],
    ids=["no images", "no cluster", "no file"],
)
def test_half_of_a_plan_is_none(tmp_path: Path, environ: dict[str, str], word: str) -> None:
    file = tmp_path / "kubeconfig"
    file.touch()
    with pytest.raises(PlanError, match=word):
        plan_of({name: value.format(file=file) for name, value in environ.items()}, embedded=False)


def test_the_suite_is_told(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.touch()
    environ = {
        "KUBECONFIG": str(file),
        "IMAGE_PREFIX": "registry.example.com/footplate/",
        "TAG": "9.9",
        "E2E_MPI_IMAGE": "mpi:1",
        "E2E_STORE_URI": "s3://bucket/e2e",
        "AWS_ACCESS_KEY_ID": "key",
    }
    plan = plan_of(environ, embedded=False)
    assert plan.runtime_image == "registry.example.com/footplate/runtime:9.9"
    assert (plan.images.mpi, plan.images.pytorch) == ("mpi:1", None)
    assert plan.store is not None
    assert plan.store.keys == {"AWS_ACCESS_KEY_ID": "key"}


def test_without_a_cluster_it_is_the_embedded_one() -> None:
    assert plan_of({}, embedded=False).kubeconfig is None
    assert plan_of({"KUBECONFIG": "/somewhere"}, embedded=True).kubeconfig is None


def test_two_runs_share_no_namespace() -> None:
    one, other = Plan(None), Plan(None)
    assert not {one.release, one.jobs, one.stores} & {other.release, other.jobs, other.stores}
