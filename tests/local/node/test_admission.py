"""Pods that cannot be read are failed with a sentence, and the node goes on."""

from __future__ import annotations

from typing import Any

import pytest
from api_server import ApiServerInThread
from node_harness import container, running_node, shell

from footplate_local.node.admission import defect


def pod(main: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{**container("true"), **(main or {})}], **spec}}


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (pod(terminationGracePeriodSeconds="x"), "spec.terminationGracePeriodSeconds must be a number, got 'x'"),
        (pod({"command": "true"}), "spec.containers[0].command must be a list of strings, got 'true'"),
        (pod({"args": [1]}), "spec.containers[0].args must be a list of strings, got [1]"),
        (
            pod({"resources": {"limits": {"cpu": "much"}}}),
            "spec.containers[0].resources.limits.cpu: 'much' is not a quantity such as 500m, 2 or 4Gi",
        ),
        (
            pod({"volumeMounts": [{"name": "v", "mountPath": 5}]}),
            "spec.containers[0].volumeMounts[0] needs the strings name and mountPath",
        ),
        (
            pod({"env": [{"name": "A", "value": 1}]}),
            "spec.containers[0].env[0] needs a name and a value that are strings",
        ),
        (
            pod({"env": [{"name": "A", "valueFrom": {"fieldRef": {}}}]}),
            "spec.containers[0].env[0].valueFrom.fieldRef needs the strings fieldPath",
        ),
        (pod({"envFrom": [{"secretRef": {}}]}), None),
        (
            pod({"envFrom": [{"secretRef": {"name": 1}}]}),
            "spec.containers[0].envFrom[0].secretRef needs the string name",
        ),
        (pod(initContainers=[{"name": "i"}]), "spec.initContainers[0].image must be a string"),
        (pod({"env": [{"name": "A"}], "resources": None, "command": None, "args": ["x"]}), None),
    ],
)
def test_what_cannot_be_read(broken: dict[str, Any], sentence: str | None) -> None:
    assert defect(broken) == sentence


async def test_a_pod_that_cannot_be_read_fails_and_others_run(api_server: ApiServerInThread) -> None:
    async with running_node(api_server) as node:
        await node.create("broken", containers=[shell("true", resources={"limits": {"cpu": "much"}})])
        await node.create("sound", containers=[shell("true")])
        broken = await node.until_phase("Failed", "broken")
        assert broken["status"]["reason"] == "UnexpectedAdmissionError"
        assert "'much' is not a quantity" in broken["status"]["message"]
        await node.until_phase("Succeeded", "sound")
