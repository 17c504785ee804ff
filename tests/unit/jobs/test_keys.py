"""The Secret of a job whose replicas talk to each other by TLS."""

from __future__ import annotations

from typing import Any

import pytest
from job_factory import CONTEXT, UID, at, ddp, make_job

from footplate.jobs.observe import Observed
from footplate.jobs.plan import plan

MPI = {"nodes": 2, "distribution": {"mpi": {}}}
NAME = f"digits-{UID[:8]}-keys"


def created(kind: str, **spec: Any) -> list[Any]:
    return [m for m in plan(make_job(**spec), Observed(), CONTEXT, at(1)).create if m["kind"] == kind]


def test_it_is_made_without_its_data() -> None:
    (secret,) = created("Secret", **MPI)
    assert secret["metadata"]["name"] == NAME
    assert secret["metadata"]["ownerReferences"][0]["uid"] == UID
    assert (secret["type"], secret["immutable"]) == ("Opaque", True)
    assert "data" not in secret, "a plan holds no keys: it may be logged"


def test_train_alone_sees_it() -> None:
    for pod in created("Pod", **MPI):
        spec = pod["spec"]
        (volume,) = [v for v in spec["volumes"] if v["name"] == "keys"]
        assert volume["secret"] == {"secretName": NAME, "defaultMode": 0o444}, "any user of the image may read it"
        mounts = {c["name"]: [m for m in c["volumeMounts"] if m["name"] == "keys"] for c in containers(spec)}
        assert mounts == {
            "fetch": [],
            "agent": [],
            "train": [{"name": "keys", "mountPath": "/footplate/keys", "readOnly": True}],
        }


def containers(spec: Any) -> list[Any]:
    return [*spec["initContainers"], *spec["containers"]]


@pytest.mark.parametrize("spec", [ddp(2), {"distribution": {"mpi": {}}}, {}], ids=["pytorch", "one node", "single"])
def test_others_have_none(spec: dict[str, Any]) -> None:
    assert created("Secret", **spec) == []
    assert all(v["name"] != "keys" for pod in created("Pod", **spec) for v in pod["spec"]["volumes"])
