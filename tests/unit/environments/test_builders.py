from __future__ import annotations

import json

from footplate.api.environment import Environment
from footplate.environments.builders import Builder, build_pod


def test_kubernetes_expands_nothing_in_the_order() -> None:
    body = {"metadata": {"name": "e", "namespace": "default"}, "spec": {"pip": ["a @ file:///$(HOME)/$x"]}}
    pod = build_pod(Environment.model_validate(body), "0" * 64, Builder("builder", ["build"]))
    [order] = [e["value"] for e in pod["spec"]["containers"][0]["env"] if e["name"] == "FOOTPLATE_BUILD"]
    assert "$$(HOME)/$$x" in order
    assert json.loads(order.replace("$$", "$"))["spec"]["pip"] == ["a @ file:///$(HOME)/$x"]
