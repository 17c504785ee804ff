"""`footplate logs --build`: how an environment was built, while it is and long after its pod is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from footplate.cli import logs
from footplate.cli.problem import COMPLETED, CommandFailed, UsageError
from footplate.cli.runs.address import Address, Where
from footplate.cli.runs.find import Found, find_known, found_at
from footplate.cli.runs.known import Known, ask, run_uri
from footplate.cli.runs.stored_logs import copied, show_file
from footplate.constants import CONTAINER_BUILD, LABEL_ENVIRONMENT
from footplate.engine.clock import SystemClock
from footplate.kube.client import KubeClient
from footplate.kube.resources import ENVIRONMENTS, PODS
from footplate_runtime.contract import BUILD_LOG

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """Whose build: of the environment of a run, or of an Environment of that name."""

    where: Where
    name: str
    follow: bool


def show(order: Order) -> int:
    """Write the log's bytes to stdout: from the run, from the build's pod while there is one, or from the store."""
    return asyncio.run(_show(order))


async def _show(order: Order) -> int:
    if "://" in order.name:
        return await _of_run(await asyncio.to_thread(found_at, order.where, order.name))
    there = await ask(order.where, order.name)
    if order.where.store is not None or there.note:
        return await _of_run(await asyncio.to_thread(find_known, there, order.name))
    job = next((job for job in there.jobs if job["metadata"]["name"] == order.name), None)
    async with order.where.target.client() as client:
        namespace = there.namespace or client.namespace
        name = order.name if job is None else _environment_of(job)
        environment = await client.get(ENVIRONMENTS, name, namespace)
        if job is None and environment is None:
            return await _of_run(await asyncio.to_thread(find_known, there, order.name))
        if job is not None and run_uri(job) is not None:
            found = await asyncio.to_thread(find_known, there, order.name)
            if await copied(logs.from_store(found.address, BUILD_LOG, 0)):
                return COMPLETED
        if await copied(_of_pod(client, namespace, name, order.follow)):
            return COMPLETED
        uri = ((environment or {}).get("status") or {}).get("buildLog")
        if uri and await copied(_at(str(uri), there, order.where)):
            return COMPLETED
        raise CommandFailed(f"there is no log of a build of Environment {name}: its image was not built here")


async def _of_run(found: Found) -> int:
    return await show_file(found, BUILD_LOG.partition("/")[2])


def _environment_of(job: Json) -> str:
    reference = job["spec"].get("environment")
    if reference is None:
        raise UsageError(f"{job['metadata']['name']} names an image of its own, which nobody had to build")
    return str(reference["name"])


async def _of_pod(client: KubeClient, namespace: str, environment: str, follow: bool) -> AsyncGenerator[bytes]:
    """What the newest build of the environment has printed, if its pod is there."""
    pods = await client.list(PODS, namespace, label_selector=f"{LABEL_ENVIRONMENT}={environment}")
    if pods:
        newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))["metadata"]["name"]
        pieces = logs.resumed(client, namespace, newest, CONTAINER_BUILD, SystemClock(), lambda: not follow)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece


def _at(uri: str, there: Known, where: Where) -> AsyncGenerator[bytes]:
    """The log at an address, with the settings of the store that it lies in."""
    store = next((store for store in there.stores if uri.startswith(store.uri)), where.address(uri))
    folder, _, key = uri.rpartition("/")
    return logs.from_store(Address(f"{folder}/", store.settings), key, 0)
