"""A real operator process and its settings: refused at the start, changed while it runs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from api_server import ApiServerInThread
from mounted_settings import MountedSettings

from footplate_local.operator_settings import free_port

SECONDS = 60.0
LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/footplate-operator"


def settings(port: int, **more: Any) -> str:
    said = {
        "store": {"uri": "s3://runs"},
        "operatorNamespace": "default",
        "healthHost": "127.0.0.1",
        "healthPort": port,
        **more,
    }
    return yaml.safe_dump(said)


def test_mistakes_keep_it_from_starting_and_are_all_told(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("store: {uri: bucket}\nworkerz: 3\nqps: 0\n")
    argv = [sys.executable, "-m", "footplate", "--config", str(path)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        f"footplate: {path}: `store.uri` must begin with s3://, gs://, az:// or file://, not 'bucket'.",
        f"footplate: {path}: `qps` should be greater than 0, not 0.",
        f"footplate: {path}: `workerz` is no setting; did you mean `workers`?",
    ]


@asynccontextmanager
async def operator(server: ApiServerInThread, path: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    log = path.parent.with_name("operator.log").open("wb")
    with log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "footplate", "--config", str(path), *arguments),
            env={**os.environ, "KUBECONFIG": str(server.kubeconfig)},
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def until_metric(port: int, line: str, process: asyncio.subprocess.Process, host: str = "127.0.0.1") -> None:
    await until(lambda text: line in text.splitlines(), port, process, line, host)


async def until(
    true: Callable[[str], bool], port: int, process: asyncio.subprocess.Process, what: str, host: str = "127.0.0.1"
) -> None:
    """Until the operator's metrics are so."""
    deadline = time.monotonic() + SECONDS
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            assert process.returncode is None, "the operator has ended"
            try:
                async with session.get(f"http://{host}:{port}/metrics") as response:
                    if true(await response.text()):
                        return
            except aiohttp.ClientError:
                pass  # it does not listen yet
            await asyncio.sleep(0.1)
    pytest.fail(f"not after {SECONDS} s: {what}")


async def leader(server: ApiServerInThread) -> str:
    status, lease = await asyncio.to_thread(server.request, "GET", LEASE)
    return str(lease["spec"].get("holderIdentity") or "") if status == 200 else ""


async def test_a_swapped_config_map_with_mistakes_is_told_and_a_good_one_starts_it_anew(
    api_server: ApiServerInThread, tmp_path: Path
) -> None:
    await asyncio.to_thread(api_server.load_crds)
    port = free_port()
    mounted = MountedSettings(tmp_path / "etc", settings(port, workers=2))
    async with operator(api_server, mounted.path) as process:
        await until_metric(port, "footplate_settings_valid 1.0", process)
        async with asyncio.timeout(SECONDS):
            while not await leader(api_server):
                await asyncio.sleep(0.1)
        mounted.replace(settings(port, workers="two"))
        await until_metric(port, "footplate_settings_valid 0.0", process)
        assert await leader(api_server), "it works on with the earlier settings"
        mounted.replace(settings(port, workers=3))
        assert await asyncio.wait_for(process.wait(), SECONDS) == 0
        assert await leader(api_server) == "", "the next one need not wait for the Lease to expire"
    said = (tmp_path / "operator.log").read_text()
    assert said.count("`workers` should be a valid integer, not 'two'") == 1
    assert "The settings were changed (workers); ending" in said


async def test_two_operators_of_one_file_serve_their_health_each_at_its_address(
    api_server: ApiServerInThread, tmp_path: Path
) -> None:
    await asyncio.to_thread(api_server.load_crds)
    port = free_port()
    path = tmp_path / "etc" / "settings.yaml"
    path.parent.mkdir()
    path.write_text(settings(port))
    async with operator(api_server, path) as one, operator(api_server, path, "--health-host=127.0.0.2") as other:
        await until_metric(port, "footplate_settings_valid 1.0", one)
        await until_metric(port, "footplate_settings_valid 1.0", other, "127.0.0.2")
