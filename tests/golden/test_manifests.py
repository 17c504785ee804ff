"""What is created for a job, compared word by word with the files in manifests/."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from job_factory import CONTEXT, after, at, ddp, failed_pod, make_job, seen

from footplate.api.environment import Environment
from footplate.constants import FINALIZER
from footplate.environments.builders import Builder, LogKeeper, build_pod
from footplate.environments.content_hash import content_hash
from footplate.frameworks.registry import REGISTRY
from footplate.jobs.certificate import new_key, with_keys
from footplate.jobs.observe import EnvironmentImage, Observed
from footplate.jobs.plan import plan

MANIFESTS = Path(__file__).parent / "manifests"
KUBERNETES = ("1.29", "1.34")  # the oldest and the newest that are supported

TORCH = EnvironmentImage("torch", 3, "registry/torch@sha256:" + "0" * 64, {"NCCL_DEBUG": "WARN"})

EVERYTHING: dict[str, Any] = {
    "image": None,
    "environment": {"name": "torch", "version": 3},
    "experiment": "vision",
    "source": {"git": {"url": "https://example.com/repo.git", "revision": "main", "path": "train"}},
    "entrypoint": {"script": "train.py", "args": ["--data", "$(inputs.digits)"]},
    "parameters": {"epochs": 10, "amp": True, "verbose": False, "learning-rate": 0.01},
    "resources": {"cpu": "4", "memory": "16Gi", "gpu": 2, "sharedMemory": "8Gi"},
    "inputs": [{"name": "digits", "uri": "s3://data/digits/"}],
    "outputs": {"flushSeconds": 60, "exclude": ["*.tmp"], "store": {"uri": "s3://mine/runs", "secretName": "mine"}},
    "podTemplate": {
        "metadata": {"labels": {"team": "vision"}, "annotations": {"note": "kept"}},
        "spec": {
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "volumes": [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}],
            "containers": [{"name": "train", "volumeMounts": [{"name": "cache", "mountPath": "/cache"}]}],
        },
    },
    **ddp(2),
}


def created(observed: Observed | None = None, **spec: Any) -> list[Any]:
    return list(plan(make_job(**spec), observed or Observed(), CONTEXT, at(1)).create)


def second_attempt() -> list[Any]:
    job = make_job(retry={"user": 1})
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    job = after(job, plan(job, seen(failed_pod(0)), CONTEXT, at(12)))
    return list(plan(job, Observed(), CONTEXT, at(14)).create)


def recorder() -> list[Any]:
    """Of a job whose program has failed in its only attempt."""
    spec = {**EVERYTHING, "nodes": 1, "distribution": None}
    job = make_job(**spec)
    job = after(job, plan(job, Observed(environment=TORCH), CONTEXT, at(1)))
    job = after(job, plan(job, replace(seen(failed_pod(0)), environment=TORCH), CONTEXT, at(12)))
    held = job.model_copy(update={"metadata": job.metadata.model_copy(update={"finalizers": (FINALIZER,)})})
    return [plan(held, seen(), CONTEXT, at(13)).recording.create]


def build() -> list[Any]:
    environment = Environment.model_validate(
        {
            "metadata": {"name": "digits", "namespace": "default", "uid": "e-1"},
            "spec": {
                "pip": ["numpy", "scikit-learn"],
                "buildRequirements": ["wheel"],
                "python": "3.11",
                "variables": {"A": "b"},
            },
        }
    )
    keeper = LogKeeper(CONTEXT.runtime, CONTEXT.store)
    builder = Builder("footplate/builder:test", ["build"], {"CACHE": "/cache"}, keeper)
    return [build_pod(environment, content_hash(environment.spec), builder)]


CASES: dict[str, list[Any]] = {
    "single": created(source={"configMap": {"name": "digits-code"}}),
    "single-command": created(entrypoint={"command": ["/bin/train", "--fast"], "launcher": False}),
    "single-second-attempt": second_attempt(),
    "pytorch": created(**ddp(2)),
    "pytorch-elastic": created(nodes=3, distribution={"pytorch": {"processesPerNode": "auto", "minNodes": 2}}),
    "mpi": created(nodes=3, distribution={"mpi": {"processesPerNode": 2, "args": ["--map-by", "ppr:2:node"]}}),
    "mpi-one-node": created(distribution={"mpi": {"processesPerNode": 4, "implementation": "MPICH"}}),
    "mpi-mpich": created(nodes=2, distribution={"mpi": {"processesPerNode": 2, "implementation": "MPICH"}}),
    "mpi-intel": created(nodes=2, resources={"gpu": 2}, distribution={"mpi": {"implementation": "Intel"}}),
    "jax": created(nodes=2, distribution={"jax": {}}),
    "tensorflow": created(distribution={"tensorflow": {"workers": 2}}),
    "tensorflow-ps": created(
        resources={"cpu": "4", "gpu": 1},
        distribution={
            "tensorflow": {
                "workers": 2,
                "parameterServers": 2,
                "chief": True,
                "evaluator": True,
                "resources": {
                    "chief": {"cpu": "1", "memory": "2Gi"},
                    "ps": {"cpu": "2", "memory": "8Gi"},
                    "evaluator": {"cpu": "1", "gpu": 1},
                },
            }
        },
    ),
    "pytorch-everything": created(Observed(environment=TORCH), **EVERYTHING),
    "recorder": recorder(),
    "environment-build": build(),
}


def dump(manifests: list[Any]) -> str:
    """YAML with the JSON inside of it laid open, so that a difference can be read."""
    shown = json.loads(json.dumps(manifests))
    for manifest in shown:
        data = manifest.get("data", {})
        for key in data:
            data[key] = json.loads(data[key])
    return yaml.safe_dump_all(shown, sort_keys=False, width=120)


@pytest.mark.parametrize("case", CASES)
def test_manifests(case: str, request: pytest.FixtureRequest) -> None:
    path = MANIFESTS / f"{case}.yaml"
    if request.config.getoption("--rewrite-golden", default=False):
        path.write_text(dump(CASES[case]))
    assert dump(CASES[case]) == path.read_text(), "when this is intended: make golden"


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("case", CASES)
def test_kubernetes_accepts_them(case: str, version: str) -> None:
    for manifest in CASES[case]:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_accepts_the_keys_of_a_job(version: str) -> None:
    """The one object that is not planned as it is written: its contents are made by chance."""
    secret = next(manifest for manifest in CASES["mpi"] if manifest["kind"] == "Secret")
    filled = with_keys(secret, new_key(), at(1))
    assert set(filled["data"]) == {"tls.crt", "tls.key"}
    kubernetes_validate.validate(filled, version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("wrong", [{"comand": ["train"]}, {"command": "train"}, {"restartPolicy": 1}])
def test_but_not_everything(wrong: dict[str, Any], version: str) -> None:
    pod = json.loads(json.dumps(CASES["single"][-1]))
    pod["spec"]["containers"][0].update(wrong)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pod, version, strict=True)


def test_no_file_is_left_over() -> None:
    assert {p.stem for p in MANIFESTS.glob("*.yaml")} == set(CASES)


# Of each distribution a job of so many nodes.
SIZES: dict[str, Callable[[int], dict[str, Any]]] = {
    "pytorch": lambda nodes: {"nodes": nodes, "distribution": {"pytorch": {"minNodes": 2}}},
    "jax": lambda nodes: {"nodes": nodes, "distribution": {"jax": {}}},
    "mpi": lambda nodes: {"nodes": nodes, "distribution": {"mpi": {"args": ["--map-by", "node"]}}},
    "tensorflow": lambda nodes: {
        "distribution": {
            "tensorflow": {"workers": nodes, "parameterServers": nodes, "chief": True, "evaluator": True},
        }
    },
}


def test_every_distribution_has_a_size() -> None:
    assert set(SIZES) == set(REGISTRY)


@pytest.mark.parametrize("distribution", SIZES)
def test_what_is_made_for_a_thousand_nodes_differs_from_that_for_two_in_its_numbers_alone(distribution: str) -> None:
    """No list of hosts anywhere: an object of a cluster has at most 1 MiB."""
    two, thousand = (created(**SIZES[distribution](nodes)) for nodes in (2, 1000))
    assert shared(two) == shared(thousand)
    assert len(json.dumps(thousand[0])) - len(json.dumps(two[0])) < 100, "digits of the counts"
    assert pods(two).keys() == pods(thousand).keys(), "the first and the last pod look alike"


def shared(manifests: list[Any]) -> list[str]:
    """What all pods share, with 0 for every number."""
    return [without_numbers(manifest) for manifest in manifests if manifest["kind"] != "Pod"]


def pods(manifests: list[Any]) -> Counter[str]:
    """The pods with 0 for every number, and how many look like that."""
    return Counter(without_numbers(manifest) for manifest in manifests if manifest["kind"] == "Pod")


def without_numbers(manifest: Any) -> str:
    return re.sub(r"\d+", "0", json.dumps(manifest))
