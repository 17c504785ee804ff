"""What the embedded API server can take: writes, reads, lists, watches, memory, and how soon it is there.

    python benchmarks/apiserver.py [--objects 10000] [--watchers 100]

A server on an empty home, in a process of its own, is filled, watched and emptied again; the client is one other
process that keeps 16 requests under way. kube-apiserver, etcd and k3s are what a user would run instead; they are no
Python packages, so their absence is said and the numbers stand alone. kmock (`pip install kmock`), the fake API server
for tests of operators, is measured beside it when it is installed: it keeps objects in memory and checks nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

PARALLEL = 16
STARTS = 3
KMOCK_OBJECTS = 100  # it slows down with each
READY_SECONDS = 60
MAPS = "/api/v1/namespaces/default/configmaps"
PAD = "x" * 500
FOOTPLATE = (sys.executable, "-c", "from footplate.cli.main import main; main()")
KMOCK = """
import asyncio, sys
from kmock import KubernetesEmulator, ResourceInfo, Server, resource
async def main():
    emulator = KubernetesEmulator()
    emulator.resources[resource(group="", version="v1", plural="configmaps")] = ResourceInfo(
        kind="ConfigMap", singular="configmap", namespaced=True, verbs={"get", "list", "watch", "create", "delete"})
    async with emulator, Server(emulator) as server:
        print(server.port, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def config_map(number: int, value: str = "") -> dict[str, Any]:
    labels = {"hundredth": str(number % 100)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"c-{number}", "labels": labels},
        "data": {"pad": PAD, "value": value},
    }


@dataclass
class Client:
    """Requests to one server."""

    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: Any = None, *, ok: tuple[int, ...] = (200, 201)) -> bytes:
        async with self.session.request(method, path, json=body) as response:
            content = await response.read()
            assert response.status in ok, f"{method} {path}: {response.status} {content[:300]!r}"
            return content

    async def rate(self, work: Callable[[int], Awaitable[Any]], numbers: Iterable[int]) -> float:
        """Calls a second, PARALLEL of them at a time."""
        left = iter(numbers)
        count = 0

        async def worker() -> None:
            nonlocal count
            for number in left:
                await work(number)
                count += 1

        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(PARALLEL)))
        return count / (time.perf_counter() - began)

    async def seconds(self, *paths: str, rounds: int = 5) -> float:
        """Median time of these requests, one after the other."""
        taken = []
        for _ in range(rounds):
            began = time.perf_counter()
            for path in paths:
                await self.call("GET", path)
            taken.append(time.perf_counter() - began)
        return statistics.median(taken)

    async def paged(self, limit: int) -> float:
        began, token = time.perf_counter(), ""
        while True:
            page = json.loads(await self.call("GET", f"{MAPS}?limit={limit}&continue={token}"))
            token = page["metadata"].get("continue", "")
            if not token:
                return time.perf_counter() - began


class Watchers:
    """Open watches that note when they saw which version."""

    def __init__(self, client: Client, count: int, version: str) -> None:
        self.seen: dict[str, list[float]] = {}
        self.events = 0
        self._tasks = [asyncio.create_task(self._watch(client, version)) for _ in range(count)]

    async def _watch(self, client: Client, version: str) -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        path = f"{MAPS}?watch=true&resourceVersion={version}"
        async with client.session.get(path, timeout=timeout, read_bufsize=1 << 22) as response:
            async for line in response.content:
                now = time.perf_counter()
                self.events += 1
                at = line.rindex(b'"value":"') + 9
                self.seen.setdefault(line[at : line.index(b'"', at)].decode(), []).append(now)

    async def saw(self, count: int) -> None:
        async with asyncio.timeout(120):
            while self.events < count:
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def environment(folder: Path) -> dict[str, str]:
    """Of the processes: modules are compiled once, as they are where pip has installed them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}


@contextlib.contextmanager
def server(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The server as a process, and the seconds until it was ready."""
    began = time.perf_counter()
    argv = [sys.executable, "-m", "footplate_local.apiserver", "--home", str(home)]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL, env=environment(home.parent))
    try:
        wait_ready(home, lambda: process.poll() is None)
        yield process, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def wait_ready(home: Path, alive: Callable[[], bool]) -> None:
    """Until `/readyz` of the server of a home answers."""
    import http.client

    deadline = time.monotonic() + READY_SECONDS
    while True:
        assert alive(), f"the API server in {home} has ended"
        assert time.monotonic() < deadline, f"the API server in {home} does not answer"
        with contextlib.suppress(OSError, ValueError):
            port = int((home / "run" / "apiserver.port").read_text())
            context = ssl.create_default_context(cafile=home / "run" / "apiserver.pem")
            connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                connection.close()
                return
        time.sleep(0.005)


@contextlib.asynccontextmanager
async def connected(home: Path) -> AsyncIterator[Client]:
    context = ssl.create_default_context(cafile=home / "run" / "apiserver.pem")
    port = (home / "run" / "apiserver.port").read_text().strip()
    headers = {"Authorization": f"Bearer {(home / 'token').read_text().strip()}"}
    connector = aiohttp.TCPConnector(limit=0, ssl=context)
    async with aiohttp.ClientSession(f"https://127.0.0.1:{port}", headers=headers, connector=connector) as session:
        yield Client(session)


def memory(pid: int) -> float:
    """Resident MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)


async def load(home: Path, process: subprocess.Popen[bytes], objects: int, watchers: int) -> dict[str, float]:
    """Fill, read, watch and empty a server; prints as it goes. Returns the rates that another server is compared by."""
    empty = memory(process.pid)
    async with connected(home) as client:
        creates = await client.rate(lambda n: client.call("POST", MAPS, config_map(n)), range(objects))
        full = memory(process.pid)
        gets = await client.rate(lambda n: client.call("GET", f"{MAPS}/c-{n % objects}"), range(3000))
        updates = await client.rate(
            lambda n: client.call("PUT", f"{MAPS}/c-{n % objects}", config_map(n % objects, "u")), range(3000)
        )
        print(f"{objects} ConfigMaps of 1 KB: {creates:.0f} creates/s, {updates:.0f} updates/s, {gets:.0f} gets/s")
        whole = await client.seconds(MAPS)
        some = await client.seconds(f"{MAPS}?labelSelector=hundredth%3D7")
        print(
            f"list {whole * 1000:.0f} ms, in pages of 500 {await client.paged(500) * 1000:.0f} ms, "
            f"1 of 100 by label {some * 1000:.1f} ms"
        )
        await watch(client, objects, watchers)
        watched = memory(process.pid)
        deletes = await client.rate(lambda n: client.call("DELETE", f"{MAPS}/c-{n}"), range(objects))
        again = memory(process.pid)
    print(
        f"{deletes:.0f} deletes/s; memory: {empty:.0f} MiB empty, {full:.0f} full, {watched:.0f} watched, "
        f"{again:.0f} emptied; file {(home / 'cluster.db').stat().st_size / (1 << 20):.0f} MiB"
    )
    return {"creates": creates, "gets": gets, "list": whole}


async def watch(client: Client, objects: int, watchers: int) -> None:
    version = json.loads(await client.call("GET", f"{MAPS}?limit=1"))["metadata"]["resourceVersion"]
    watching = Watchers(client, watchers, version)
    await asyncio.sleep(1)
    paced, acknowledged = 200, {}
    for number in range(paced):
        await client.call("PUT", f"{MAPS}/c-{number}", config_map(number, f"paced-{number}"))
        acknowledged[f"paced-{number}"] = time.perf_counter()
        await asyncio.sleep(0.02)
    await watching.saw(paced * watchers)
    delays = sorted(seen - acknowledged[value] for value, times in watching.seen.items() for seen in times)
    burst = 1000
    rate = await client.rate(
        lambda n: client.call("PUT", f"{MAPS}/c-{n % objects}", config_map(n % objects, f"burst-{n}")), range(burst)
    )
    began = time.perf_counter()
    await watching.saw((paced + burst) * watchers)
    late = time.perf_counter() - began
    await watching.close()
    print(
        f"{watchers} watchers: an event comes {delays[len(delays) // 2] * 1000:.1f} ms after the write is acknowledged "
        f"(p99 {delays[len(delays) * 99 // 100] * 1000:.1f}); {rate:.0f} updates/s meanwhile, all seen {late:.1f} s "
        "later"
    )


async def kmock(ours: dict[str, float], objects: int) -> None:
    with subprocess.Popen([sys.executable, "-c", KMOCK], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                client = Client(session)
                creates = await client.rate(lambda n: client.call("POST", MAPS, config_map(n)), range(objects))
                gets = await client.rate(lambda n: client.call("GET", f"{MAPS}/c-{n % objects}"), range(objects))
                whole = await client.seconds(MAPS)
        finally:
            process.terminate()
    print(
        f"kmock, {objects} objects in memory, no TLS: {creates:.0f} creates/s ({ours['creates'] / creates:.1f} times "
        f"that here), {gets:.0f} gets/s ({ours['gets'] / gets:.1f} times), list {whole * 1000:.0f} ms"
    )


def starts(folder: Path) -> None:
    """How soon an API server is there: alone, and by the command that users type."""
    alone = []
    for number in range(STARTS + 1):
        with server(folder / f"alone-{number}") as (_, seconds):
            alone.append(seconds)
    del alone[0]  # it compiled
    home = folder / "up"
    env = {**environment(folder), "FOOTPLATE_HOME": str(home)}
    subprocess.run([*FOOTPLATE, "local", "status"], env=env, stdout=subprocess.DEVNULL, check=False)
    began = time.perf_counter()
    up = subprocess.Popen([*FOOTPLATE, "local", "up"], env=env, stdout=subprocess.DEVNULL)
    try:
        wait_ready(home, lambda: up.poll() in (None, 0))
        answered = time.perf_counter() - began
        up.wait()
        ready = time.perf_counter() - began
    finally:
        up.kill()
        down = [*FOOTPLATE, "local", "down"]
        subprocess.run(down, env=env, stdout=subprocess.DEVNULL, check=False)
    print(
        f"start: the server alone {statistics.median(alone):.2f} s (median of {STARTS}), `footplate local up` on a "
        f"fresh home {answered:.2f} s until it answers (budget 1.5), {ready:.2f} s until jobs can be applied"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--watchers", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        starts(folder)
        home = folder / "home"
        with server(home) as (process, _):
            ours = await load(home, process, arguments.objects, arguments.watchers)
            async with connected(home) as client:  # for the next start
                await client.rate(lambda n: client.call("POST", MAPS, config_map(n)), range(arguments.objects))
        with server(home) as (_, seconds):
            print(f"start with {arguments.objects} objects: {seconds:.2f} s")
    for binary in ("kube-apiserver", "k3s"):
        print(f"{binary}: {'is here, but is not measured' if shutil.which(binary) else 'not on this machine'}")
    if importlib.util.find_spec("kmock") is None:
        print("kmock: not installed")
    else:
        await kmock(ours, KMOCK_OBJECTS)


if __name__ == "__main__":
    asyncio.run(main())
