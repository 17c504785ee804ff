from __future__ import annotations

import json
from typing import Any

from footplate.api.environment import Environment
from footplate.environments.builders import Builder, LogKeeper, build_pod
from footplate.jobs.context import Runtime, StoreAddress

STORE = StoreAddress("s3://runs/team", "store-keys", "https://s3.example", "eu-1")


def test_kubernetes_expands_nothing_in_the_order() -> None:
    body = {"metadata": {"name": "e", "namespace": "default"}, "spec": {"pip": ["a @ file:///$(HOME)/$x"]}}
    pod = build_pod(Environment.model_validate(body), "0" * 64, Builder("builder", ["build"]))
    [order] = [e["value"] for e in pod["spec"]["containers"][0]["env"] if e["name"] == "FOOTPLATE_BUILD"]
    assert "$$(HOME)/$$x" in order
    assert json.loads(order.replace("$$", "$"))["spec"]["pip"] == ["a @ file:///$(HOME)/$x"]


def pod_with_log() -> dict[str, Any]:
    body = {"metadata": {"name": "e", "namespace": "default"}, "spec": {"pip": ["numpy"]}}
    builder = Builder("builder", ["build"], log=LogKeeper(Runtime("runtime"), STORE))
    return build_pod(Environment.model_validate(body), "0" * 64, builder)


def test_the_log_goes_to_the_store_of_the_runs() -> None:
    (sidecar,) = pod_with_log()["spec"]["initContainers"]
    told = {e["name"]: e["value"] for e in sidecar["env"]}
    store = json.loads(told["FOOTPLATE_BUILD_STORE"])
    assert store["uri"] == "s3://runs/team/_environments/" + "0" * 64 + "/build.log"
    assert (store["endpoint"], store["region"]) == ("https://s3.example", "eu-1")
    assert sidecar["restartPolicy"] == "Always", "a sidecar: it ends after the build and never decides how that ended"


def test_the_build_runs_the_code_of_others_and_never_sees_the_keys() -> None:
    spec = pod_with_log()["spec"]
    (build,), (sidecar,) = spec["containers"], spec["initContainers"]
    assert sidecar["envFrom"] == [{"secretRef": {"name": "store-keys", "optional": True}}]
    assert "envFrom" not in build
    shared = {"name": "build", "mountPath": "/footplate/build"}
    assert build["volumeMounts"] == [shared]
    assert shared in sidecar["volumeMounts"]
    assert {e["name"]: e["value"] for e in build["env"]}["FOOTPLATE_BUILD_LOG"] == "/footplate/build/build.log"
