"""The keys of an MPI job: made once, never read."""

from __future__ import annotations

import base64
from typing import Any

from fake_kubelet import Script
from operator_harness import Cluster

SECRETS = "/api/v1/namespaces/default/secrets"
MPI = {"nodes": 2, "distribution": {"mpi": {}}}


async def keys(cluster: Cluster) -> dict[str, Any]:
    uid = (await cluster.job())["metadata"]["uid"]
    found: dict[str, Any] = await cluster.call("GET", f"{SECRETS}/digits-{uid[:8]}-keys")
    return found


async def test_they_serve_all_attempts(operated: Cluster) -> None:
    operated.scripts["digits-1-worker-1"] = Script(exit_code=3, message={"error": "ValueError: bad"})
    operated.kubelet.hold("end")
    await operated.create(retry={"user": 1}, **MPI)
    await operated.phase("Running")
    first = await keys(operated)
    assert base64.b64decode(first["data"]["tls.key"]).startswith(b"-----BEGIN PRIVATE KEY-----")
    assert base64.b64decode(first["data"]["tls.crt"]).startswith(b"-----BEGIN CERTIFICATE-----")
    operated.kubelet.release("end")
    status = await operated.phase("Completed")
    assert status["attempt"] == 2
    assert await keys(operated) == first


async def test_the_operator_never_reads_a_secret(operated: Cluster) -> None:
    await operated.create(**MPI)
    await operated.phase("Completed")
    asked = [r for r in operated.server.requests if r.path.startswith(SECRETS) and r.user_agent.startswith("footplate")]
    assert {r.method for r in asked} == {"POST"}
