"""The agent as a process against a store that throttles, refuses, is full, slow, away, or breaks off in mid-part."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_proxy import Fault, FaultProxy, Request, fault_proxy
from replica import AgentProcess, Replica, eventually
from s3_server import S3Server

MIB = 1 << 20


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    with fault_proxy(s3_server.endpoint) as made:
        yield made


@pytest.fixture
def replica(tmp_path: Path, proxy: FaultProxy, s3_server: S3Server) -> Replica:
    return Replica(tmp_path, s3_server.new_uri(), proxy.endpoint, s3_server.env)


def _is_write(request: Request) -> bool:
    return request.verb in ("PUT", "POST")


def _is_output(request: Request) -> bool:
    return "/outputs/" in request.path and _is_write(request)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503, code="SlowDown", times=20),
        Fault(cut_after=20_000, times=20),
        Fault(status=507, code="InsufficientStorage", times=20),
    ],
    ids=lambda fault: fault.code or "cut",
)
def test_what_passes_is_waited_for(replica: Replica, proxy: FaultProxy, fault: Fault) -> None:
    """Also when it begins only in the drain; and nothing that is stored is sent again."""
    for i in range(12):
        replica.write(f"outputs/{i:02d}", os.urandom(30_000))
    proxy.fault(fault)
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0

    assert proxy.faulted == fault.times
    assert len(replica.json("manifest.json")["files"]) == 12
    sent = [r.path for r in proxy.seen if _is_output(r)]
    assert len(sent) - len(set(sent)) <= fault.times


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(status=503, code="SlowDown"), "the store is overloaded"),
        (
            Fault(status=507, code="XMinioStorageFull", of=_is_write),
            "the store is full (XMinioStorageFull); free some space",
        ),
        (Fault(status=403, code="AccessDenied"), "refused access"),
        (Fault(cut_after=1000), "cannot be reached"),
        (Fault(hangs=1000), "The store did not answer in time"),
        (
            Fault(delay=60.0, of=_is_output),
            "103000 bytes of outputs were left, and no upload had failed; give outputs.flushSeconds",
        ),
    ],
    ids=["throttling", "full", "refusing", "cut", "hanging", "slow"],
)
def test_what_does_not_pass_is_told_within_the_grace_period(
    replica: Replica, proxy: FaultProxy, fault: Fault, said: str
) -> None:
    replica.grace = 4
    replica.write("outputs/model.pt", os.urandom(100_000))
    replica.write("outputs/small.txt", b"x" * 3000)
    proxy.fault(fault)
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        began = time.monotonic()
        assert agent.stop() == 1
        assert time.monotonic() - began < 6

    told = replica.termination()
    assert told["complete"] is False
    assert sorted(told["missing"]) == ["outputs/model.pt", "outputs/small.txt"]
    assert said in told["error"]


def test_a_large_file_that_is_cut_again_and_again(replica: Replica, proxy: FaultProxy) -> None:
    data = os.urandom(40 * MIB)
    replica.write("outputs/model.pt", data)
    proxy.fault(Fault(cut_after=3 * MIB, times=5, of=lambda request: "partNumber" in request.path))
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0

    assert proxy.faulted == 5
    assert replica.store.get("outputs/model.pt") == data


def test_one_file_that_the_store_does_not_take(replica: Replica, proxy: FaultProxy) -> None:
    """The others go up, and the manifest says which one is missing."""
    replica.grace = 4
    for name in ("a", "b", "c"):
        replica.write(f"outputs/{name}", name.encode())
    proxy.fault(Fault(status=507, code="QuotaExceeded", of=lambda r: _is_output(r) and r.path.endswith("/b")))
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 1

    assert replica.keys("outputs/") == ["outputs/a", "outputs/c"]
    assert replica.termination()["missing"] == ["outputs/b"]
    manifest = replica.json("manifest.json")
    assert (manifest["complete"], manifest["missing"]) == (False, ["outputs/b"])


def test_keys_that_change_while_it_runs(tmp_path: Path, s3_server: S3Server) -> None:
    """The first ones are withdrawn; the kubelet puts the new ones where the Secret is mounted."""
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "AWS_ACCESS_KEY_ID").write_text(s3_server.access_key)
    (keys / "AWS_SECRET_ACCESS_KEY").write_text("withdrawn")
    replica = Replica(tmp_path, s3_server.new_uri(), s3_server.endpoint, s3_server.env)
    replica.secret = {**s3_server.env, "AWS_SECRET_ACCESS_KEY": "withdrawn", "FOOTPLATE_STORE_KEYS": str(keys)}
    replica.write("outputs/model.pt", b"x")
    with AgentProcess(replica) as agent:
        eventually(lambda: "refused access" in (agent.status()["lastError"] or ""), "the refusal")
        (keys / "AWS_SECRET_ACCESS_KEY").write_text(s3_server.secret_key + "\n")
        eventually(lambda: agent.status()["uploaded"]["files"] == 1, "the upload with new keys")
        assert agent.stop() == 0
