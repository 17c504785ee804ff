"""Which pods get a place on the node, and what the others read."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from api_server import ApiServerInThread
from node_harness import NodeHarness, container, running_node, shell, state_of

from footplate.kube.resources import EVENTS, NODES, PODS
from footplate_local.node import scheduler
from footplate_local.node.machine import CPU_AT_LEAST, Machine, inspect
from footplate_local.node.scheduler import Node


@pytest.fixture
def machine(api_server: ApiServerInThread) -> Machine:
    """Two GPUs and 4 GiB, whatever the machine has."""
    found = inspect("test-node", dict(os.environ), api_server.home)
    amounts = {"cpu": Decimal(8), "memory": Decimal(4 << 30), "pods": Decimal(110), "nvidia.com/gpu": Decimal(2)}
    return replace(found, capacity=amounts, allocatable=amounts, gpus=("0", "1"))


@pytest.fixture
async def node(api_server: ApiServerInThread, machine: Machine) -> AsyncIterator[NodeHarness]:
    async with running_node(api_server, machine) as harness:
        yield harness


def asking(script: str = "exec sleep 300", **amounts: str) -> dict[str, Any]:
    limits = {name.replace("gpu", "nvidia.com/gpu"): amount for name, amount in amounts.items()}
    return shell(script, resources={"limits": limits})


async def test_the_node_says_what_the_machine_has(node: NodeHarness) -> None:
    found = await node.client.get(NODES, "test-node")
    assert found is not None
    assert found["status"]["allocatable"] == {"cpu": "8", "memory": "4Gi", "pods": "110", "nvidia.com/gpu": "2"}
    ready = next(c for c in found["status"]["conditions"] if c["type"] == "Ready")
    assert ready["status"] == "True"
    assert {"type": "InternalIP", "address": "127.0.0.1"} in found["status"]["addresses"]
    assert found["metadata"]["labels"]["kubernetes.io/hostname"] == "test-node"


async def test_gpus_are_given_out_once_and_waited_for(node: NodeHarness) -> None:
    script = "echo gpus=$CUDA_VISIBLE_DEVICES; exec sleep 300"
    await node.create("both", containers=[asking(script, gpu="2")])
    first = await node.until(lambda pod: "running" in state_of(pod), "both")
    await node.create("none", containers=[shell("echo gpus=$CUDA_VISIBLE_DEVICES")])
    assert node.log(await node.until_phase("Succeeded", "none")) == "gpus=\n"
    await node.create("late", containers=[asking(script, gpu="1")])
    late = await node.until(lambda pod: pod["status"].get("conditions"), "late")
    condition = late["status"]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "Unschedulable")
    assert condition["message"] == "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    await node.until_true(lambda: node.log(first) == "gpus=0,1\n", "the first has said its GPUs")
    await node.client.delete(PODS, "both", "default")
    late = await node.until(lambda pod: "running" in state_of(pod), "late")
    await node.until_true(lambda: node.log(late) == "gpus=0\n", "the second has said its GPU")
    events = [event for event in await node.client.list(EVENTS, "default") if event["reason"] == "FailedScheduling"]
    assert [event["involvedObject"]["name"] for event in events] == ["late"]


async def test_a_pod_for_another_scheduler_or_node_is_left_alone(node: NodeHarness) -> None:
    await node.create("other", schedulerName="none", containers=[shell("true")])
    await node.create("elsewhere", nodeName="elsewhere", containers=[shell("true")])
    await node.create("mine", containers=[shell("true")])
    await node.until_phase("Succeeded", "mine")
    assert "nodeName" not in (await node.get("other"))["spec"]
    assert (await node.get("elsewhere"))["status"]["phase"] == "Pending"


async def test_a_label_given_to_the_node_lets_a_pod_in(node: NodeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footplate_local.node.node.HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr("footplate_local.node.node.SWEEP_SECONDS", 0.1)
    await node.stop()
    node.start()
    await node.create(nodeSelector={"pool": "gpu"}, containers=[shell("true")])
    pod = await node.until(lambda pod: pod["status"].get("conditions"))
    assert pod["status"]["conditions"][0]["message"] == (
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    )
    await node.client.patch(NODES, "test-node", None, {"metadata": {"labels": {"pool": "gpu"}}})
    await node.until_phase("Succeeded")


def test_a_laptop_is_overcommitted_in_cpu_alone(api_server: ApiServerInThread) -> None:
    machine = inspect("laptop", {"PATH": ""}, api_server.home)
    cores = len(os.sched_getaffinity(0))
    assert machine.capacity["cpu"] == cores
    assert machine.allocatable["cpu"] == max(4 * cores, CPU_AT_LEAST)
    assert machine.allocatable["memory"] == machine.capacity["memory"]
    assert "nvidia.com/gpu" not in machine.capacity


def pod_asking(init: list[dict[str, Any]], main: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {"initContainers": init, "containers": main, **spec}}


def asks(cpu: str, sidecar: bool = False) -> dict[str, Any]:
    kind = {"restartPolicy": "Always"} if sidecar else {}
    return {**container("true"), "resources": {"requests": {"cpu": cpu}}, **kind}


@pytest.mark.parametrize(
    ("init", "main", "fits"),
    [
        ([], [asks("4")], True),
        ([], [asks("4"), asks("1m")], False),
        ([asks("4")], [asks("4")], True),  # one after the other
        ([asks("1", sidecar=True)], [asks("4")], False),  # at the same time
        ([asks("1", sidecar=True)], [asks("3")], True),
        ([asks("1", sidecar=True), asks("4")], [asks("1")], False),  # the init container runs beside the sidecar
        ([asks("4"), asks("1", sidecar=True)], [asks("1")], True),  # and here before it
    ],
)
def test_requests_are_added_up_as_kubernetes_does(
    init: list[dict[str, Any]], main: list[dict[str, Any]], fits: bool
) -> None:
    node = Node(allocatable={"cpu": Decimal(4), "pods": Decimal(110)}, labels={})
    assert (scheduler.why_not(pod_asking(init, main), node) is None) == fits


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        (Node({"cpu": Decimal(1), "pods": Decimal(9)}, {}), "0/1 nodes are available: 1 Insufficient cpu."),
        (Node({"cpu": Decimal(2), "pods": Decimal(9)}, {}, pods=9), "0/1 nodes are available: 1 Too many pods."),
        (
            Node({"cpu": Decimal(2), "pods": Decimal(9)}, {}, used={"cpu": Decimal(1)}, pods=9),
            "0/1 nodes are available: 1 Too many pods, 1 Insufficient cpu.",
        ),
        (
            Node({"cpu": Decimal(9), "pods": Decimal(9)}, {}, cordoned=True),
            "0/1 nodes are available: 1 node(s) were unschedulable.",
        ),
    ],
)
def test_the_sentences_of_kube_scheduler(node: Node, sentence: str) -> None:
    assert scheduler.why_not(pod_asking([], [asks("2")]), node) == sentence


def test_a_higher_priority_then_the_older_goes_first() -> None:
    def pod(name: str, created: str, priority: int) -> dict[str, Any]:
        return {"metadata": {"name": name, "creationTimestamp": created}, "spec": {"priority": priority}}

    pods = [pod("b", "2026-01-02", 0), pod("a", "2026-01-01", 0), pod("c", "2026-01-03", 5)]
    assert [entry["metadata"]["name"] for entry in scheduler.in_order(pods)] == ["c", "a", "b"]
