"""How the launcher learns what to hide."""

from __future__ import annotations

import json
from typing import Any

import pytest
from job_factory import CONTEXT, at, make_job

from footplate.jobs.observe import Observed
from footplate.jobs.plan import plan

KEY_REF = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "wandb", "key": "token"}}}
FIELD_REF = {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}


def pod_of(train: dict[str, Any], **spec: Any) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "train", **train}]}}
    created = plan(make_job(podTemplate=template, **spec), Observed(), CONTEXT, at(1)).create
    return dict(next(m for m in created if m["kind"] == "Pod")["spec"])


def variables(container: dict[str, Any]) -> dict[str, Any]:
    return {e["name"]: e.get("value") for e in container["env"]}


def test_the_names_of_variables() -> None:
    pod = pod_of({"env": [KEY_REF, FIELD_REF, {"name": "PLAIN", "value": "x"}]})
    assert json.loads(variables(pod["containers"][0])["FOOTPLATE_SECRET_VARIABLES"]) == ["TOKEN"]
    assert all("FOOTPLATE_SECRET_VARIABLES" not in variables(c) for c in pod["initContainers"])


def test_a_name_is_not_expanded() -> None:
    pod = pod_of({"env": [{**KEY_REF, "name": "A$(B)"}]})
    assert variables(pod["containers"][0])["FOOTPLATE_SECRET_VARIABLES"] == '["A$$(B)"]'


def test_whole_secrets_are_mounted_into_train_alone() -> None:
    sources = [
        {"configMapRef": {"name": "settings"}},
        {"secretRef": {"name": "aws"}, "prefix": "AWS_"},
        {"secretRef": {"name": "extra", "optional": True}},
    ]
    pod = pod_of({"envFrom": sources})
    mounts = [m for m in pod["containers"][0]["volumeMounts"] if "secret" in m["name"]]
    assert mounts == [
        {"name": f"footplate-secret-{n}", "mountPath": f"/footplate/secrets/{n}", "readOnly": True} for n in (0, 1)
    ]
    assert [v["secret"] for v in pod["volumes"] if v["name"].startswith("footplate-secret")] == [
        {"secretName": "aws", "defaultMode": 0o444},
        {"secretName": "extra", "defaultMode": 0o444, "optional": True},
    ]
    assert all("secrets" not in m["mountPath"] for c in pod["initContainers"] for m in c["volumeMounts"])
    assert "FOOTPLATE_SECRET_VARIABLES" not in variables(pod["containers"][0])


@pytest.mark.parametrize(
    ("train", "spec"),
    [
        ({"env": [FIELD_REF]}, {}),
        ({"envFrom": [{"configMapRef": {"name": "settings"}}]}, {}),
        (
            {"env": [KEY_REF], "envFrom": [{"secretRef": {"name": "aws"}}]},
            {"entrypoint": {"command": ["sh"], "launcher": False}},
        ),
    ],
    ids=["a field", "a ConfigMap", "no launcher that could hide anything"],
)
def test_nothing_else_changes_the_pod(train: dict[str, Any], spec: dict[str, Any]) -> None:
    pod = pod_of(train, **spec)
    assert "FOOTPLATE_SECRET_VARIABLES" not in variables(pod["containers"][0])
    assert not [v for v in pod["volumes"] if v["name"].startswith("footplate-secret")]
