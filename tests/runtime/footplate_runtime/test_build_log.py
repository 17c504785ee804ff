"""The sidecar of a build, and fetch, which puts the build's log beside those of a job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from replica import PATIENCE, Replica
from s3_server import S3Server, s3_server
from tcp_gate import gate

from footplate_runtime.store import StoreSettings, open_store

__all__ = ["s3_server"]

LOG = b"Collecting numpy\n\xff no text\n" * 1000


def sidecar(told: dict[str, str | None], log: Path, keys: dict[str, str]) -> subprocess.Popen[str]:
    """It runs, and a SIGTERM waits for it from its first moment on, as in the pod."""
    env = {"PATH": os.environ["PATH"], "FOOTPLATE_BUILD_STORE": json.dumps(told), "FOOTPLATE_BUILD_LOG": str(log)}
    command = [sys.executable, "-m", "footplate_runtime.build_log"]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        return subprocess.Popen(command, env={**env, **keys}, stdout=subprocess.PIPE, text=True)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.terminate()
    try:
        said, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, said


@pytest.mark.parametrize("kind", ["file", "s3"])
def test_the_log_is_in_the_store_at_the_end_of_the_build(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    server: S3Server | None = request.getfixturevalue("s3_server") if kind == "s3" else None
    folder = server.new_uri() if server else tmp_path.as_uri() + "/"
    endpoint, keys = (server.endpoint, server.env) if server else (None, {})
    log = tmp_path / "build.log"
    process = sidecar({"uri": f"{folder}_environments/abc/build.log", "endpoint": endpoint}, log, keys)
    log.write_bytes(LOG)
    code, said = ended(process)
    assert code == 0, said
    store = open_store(folder, env=keys, **StoreSettings(endpoint)._asdict())
    assert store.get("_environments/abc/build.log") == LOG


def test_a_store_that_is_away_for_a_moment(tmp_path: Path, s3_server: S3Server) -> None:
    with gate(s3_server.endpoint) as door:
        door.shut()
        uri, log = s3_server.new_uri(), tmp_path / "build.log"
        log.write_bytes(LOG)
        process = sidecar({"uri": f"{uri}build.log", "endpoint": door.endpoint}, log, s3_server.env)
        process.terminate()
        assert process.stdout is not None
        assert "cannot be reached" in process.stdout.readline()
        door.open()
        assert ended(process)[0] == 0
    assert open_store(uri, s3_server.endpoint, env=s3_server.env).get("build.log") == LOG


def test_keys_that_are_refused_hold_nothing_up(tmp_path: Path, s3_server: S3Server) -> None:
    log = tmp_path / "build.log"
    log.write_bytes(LOG)
    wrong = s3_server.env | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    process = sidecar({"uri": f"{s3_server.new_uri()}build.log", "endpoint": s3_server.endpoint}, log, wrong)
    code, said = ended(process)
    assert code == 1
    assert "refused access" in said
    assert len(said.splitlines()) == 1, "it was tried once"


def test_a_build_without_a_log(tmp_path: Path) -> None:
    process = sidecar({"uri": f"{tmp_path.as_uri()}/x/build.log"}, tmp_path / "none", {})
    assert ended(process) == (0, "There is no build log (No such file or directory).\n")
    assert not (tmp_path / "x").exists()


@pytest.fixture
def built(tmp_path: Path) -> Replica:
    """A replica whose environment was built, and the log of that in the store."""
    store = tmp_path / "store"
    replica = Replica(tmp_path, (store / "default/digits-1a2b3c4d").as_uri() + "/")
    (store / "_environments/abc").mkdir(parents=True)
    (store / "_environments/abc/build.log").write_bytes(LOG)
    replica.build_log = (store / "_environments/abc/build.log").as_uri()
    replica.write_orders()
    return replica


def test_fetch_puts_it_beside_the_logs_of_the_job(built: Replica) -> None:
    assert built.fetch().returncode == 0
    assert built.store.get("logs/environment-build.log") == LOG


def test_of_the_primary_alone(built: Replica) -> None:
    other = replace(built, index=1)
    assert other.fetch().returncode == 0
    assert other.keys() == []


def test_a_log_that_is_gone_costs_the_job_nothing(built: Replica) -> None:
    (built.base / "store/_environments/abc/build.log").unlink()
    done = built.fetch()
    assert done.returncode == 0
    assert "is not copied: There is no file://" in done.stdout
