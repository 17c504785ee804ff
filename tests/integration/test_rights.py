"""The chart gives the operator exactly the rights that it uses: no call beyond them, and none that no call needs.

That no call goes beyond them is also looked at after every test of tests/integration/jobs, whose operators have these
rights and no others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import chart
import pytest
import rights
import yaml
from api_server import ApiServerInThread
from fake_kubelet import Script
from job_factory import waiting
from operator_harness import Cluster

from footplate_local.apiserver.http.faults import Request

SECONDS = 60.0  # for a process that starts, and all that it does, on a busy machine
CLUSTER_WIDE: dict[str, Any] = {"builder": {"image": "builder"}}
IN_NAMESPACES: dict[str, Any] = {"watchNamespaces": ["default"], **CLUSTER_WIDE}
API = "/apis/footplate.dev/v1alpha1/namespaces/default"
ENVIRONMENT = {
    "apiVersion": "footplate.dev/v1alpha1",
    "kind": "Environment",
    "metadata": {"name": "torch"},
    "spec": {"pip": ["torch"]},
}


@contextlib.asynccontextmanager
async def running(server: ApiServerInThread, values: dict[str, Any]) -> AsyncIterator[Cluster]:
    """A cluster with `python -m footplate` as the chart would start it: its settings, its rights, its Lease."""
    await asyncio.to_thread(server.load_crds)
    cluster = await asyncio.to_thread(Cluster, server, values=values)
    kubelet = cluster.kubelet_task = asyncio.create_task(cluster.kubelet.run())
    settings = {**chart.render(values).settings, "healthPort": 0, "healthHost": "127.0.0.1", "pollSeconds": 0.5}
    path, log = server.home / "settings.yaml", server.home / "operator.log"
    path.write_text(yaml.safe_dump(settings))
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "FOOTPLATE_CONFIG": str(path)}
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "footplate"], env=environment, stdout=output, stderr=output)
    try:
        await cluster.until(lambda: _asked(cluster, "list", "trainingjobs"), SECONDS, "the operator looks on")
        yield cluster
        process.terminate()
        assert await asyncio.to_thread(process.wait, SECONDS) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
        kubelet.cancel()
        await asyncio.gather(kubelet, return_exceptions=True)


async def everything(cluster: Cluster) -> None:
    """All that an operator may have to do: each of its calls is made at least once."""
    code = {"metadata": {"name": "code"}, "data": {"train.py": ""}}
    await cluster.call("POST", "/api/v1/namespaces/default/configmaps", code)
    faults = cluster.server.faults
    # Answers that get lost: what was made is found again.
    for plural in ("pods", "services", "configmaps"):
        faults.add("POST", f"/{plural}$", action="drop", after=True)
    # Others write at the same time: the object is read again.
    faults.add("PUT", "/trainingjobs/.*/status", code=409)
    faults.add("PUT", "/environments/.*/status", code=409)
    await cluster.create("ranks", nodes=2, distribution={"mpi": {}}, source={"configMap": {"name": "code"}})
    await cluster.phase("Completed", name="ranks", seconds=SECONDS)

    cluster.build_report = {"version": 1, "image": "torch@sha256:" + "1" * 64}
    await cluster.call("POST", f"{API}/environments", ENVIRONMENT)
    await cluster.create("built", image=None, environment={"name": "torch"}, ttlSecondsAfterFinished=1)
    await cluster.until(lambda: _gone(cluster, "built"), SECONDS, "the job is deleted when its time to live is over")

    # Nobody knows why a pod does not start but its events; and what cannot be recorded is told in an event.
    faults.add("POST", "/events$", action="drop", after=True, count=2)
    cluster.kubelet.recorder_exit = 1
    cluster.scripts["late-1-worker-0"] = Script(stuck=waiting("ContainerCreating"))
    await cluster.create("late")
    await cluster.until(lambda: _asked(cluster, "list", "events"), SECONDS, "the events of a late pod are asked for")
    await cluster.patch("late", cancel=True)
    await cluster.phase("Canceled", name="late", seconds=SECONDS)
    await cluster.until(lambda: _asked(cluster, "patch", "events"), SECONDS, "an event is counted up")


async def _gone(cluster: Cluster, name: str) -> bool:
    return not await cluster.exists(name)


async def _asked(cluster: Cluster, verb: str, resource: str) -> bool:
    return any((call.verb, call.resource) == (verb, resource) for call in rights.asked(cluster.server.requests))


async def test_every_right_is_used_and_no_other_is_asked_for(api_server: ApiServerInThread) -> None:
    async with running(api_server, CLUSTER_WIDE) as cluster:
        await everything(cluster)
    given = rights.rights(CLUSTER_WIDE)
    assert rights.beyond(api_server.requests, given) == []
    assert rights.unused(api_server.requests, given) == []


async def test_with_rights_in_some_namespaces_alone(api_server: ApiServerInThread) -> None:
    """kopf and the listings then ask for each namespace."""
    given = rights.rights(IN_NAMESPACES)
    assert {right.namespace for right in given} == {"default", chart.NAMESPACE}
    async with running(api_server, IN_NAMESPACES) as cluster:
        await cluster.create()
        await cluster.phase("Completed", seconds=SECONDS)
    assert rights.beyond(api_server.requests, given) == []


def test_a_call_beyond_the_rights_is_named() -> None:
    """A test that could not fail would prove nothing."""
    given = rights.rights()
    calls = [
        Request("GET", "/api/v1/namespaces/default/secrets/keys", "footplate", 403, user=rights.USER),
        Request("GET", "/api/v1/pods?watch=true", "kopf", 200, user=rights.USER),
        Request("GET", "/api/v1/secrets", "tests", 200, user="footplate"),
    ]
    (said,) = rights.beyond(calls, given)
    assert said.startswith(f"{rights.USER} may not get secrets in API group '' in default: GET /api/v1/namespaces/")


@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        ("patch", "footplate.dev", "trainingjobs"),
        ("create", "", "secrets"),
        ("update", "coordination.k8s.io", "leases"),
    ],
)
def test_a_right_that_nobody_uses_is_named(verb: str, group: str, resource: str) -> None:
    right = next(r for r in rights.rights() if (r.verb, r.group, r.resource) == (verb, group, resource))
    assert str(right) in rights.unused([], rights.rights())
