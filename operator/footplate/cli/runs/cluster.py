"""What a cluster knows of runs: the jobs that it still has, and which stores they write to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from footplate.cli.problem import CommandFailed
from footplate.cli.runs.address import Address, Where
from footplate.cli.runs.known import Json, Known, run_uri, store_of
from footplate.constants import LAUNCH_KEY
from footplate.errors import ApiError, FootplateError, SettingsError
from footplate.jobs.naming import launch_config_name
from footplate.kube.client import KubeClient
from footplate.kube.resources import CONFIG_MAPS, TRAINING_JOBS
from footplate.settings_file import load
from footplate_local.home import Home
from footplate_local.processes import read_state
from footplate_local.supervisor import APISERVER
from footplate_runtime.store import StoreSettings


async def ask(where: Where, name: str | None) -> Known:
    """What the cluster knows of all jobs, or of the one of that `name` if there is one; when the embedded cluster does
    not run, what lies in its home. Raises CommandFailed."""
    home = where.target.embedded
    if home is not None and not _runs(home) and home.store.is_dir():
        namespace = None if where.all_namespaces else where.namespace or "default"
        note = f"the embedded cluster is not running; this is what its store {home.store} holds"
        return Known(namespace, _own(home), note=note)
    try:
        async with where.target.client() as client:
            return await _ask(client, where, name)
    except CommandFailed:
        raise
    except FootplateError as error:
        hint = "runs can be read without a cluster: --store URI, or FOOTPLATE_STORE=URI"
        raise CommandFailed(f"{str(error).rstrip('.')}; {hint}") from error


def _runs(home: Home) -> bool:
    state = read_state(home.state(APISERVER))
    return state is not None and state.alive


async def _ask(client: KubeClient, where: Where, name: str | None) -> Known:
    namespace = None if where.all_namespaces else where.namespace or client.namespace
    if name is not None and namespace is not None:
        job = await client.get(TRAINING_JOBS, name, namespace)
        if job is not None:
            return Known(namespace, await _stores(client, where, [job]), [job])
    jobs = await client.list(TRAINING_JOBS, namespace)
    return Known(namespace, await _stores(client, where, jobs), jobs)


async def _stores(client: KubeClient, where: Where, jobs: Iterable[Json]) -> list[Address]:
    """Each store once, those of the newest jobs first, the embedded cluster's own always."""
    found = {address.uri: address for address in _own(where.target.embedded)}
    for job in sorted(jobs, key=lambda job: str(job["metadata"].get("creationTimestamp")), reverse=True):
        uri = run_uri(job)
        if uri is not None and store_of(uri) not in found:
            found[store_of(uri)] = await _with_settings(client, job, store_of(uri))
    return [_overridden(address, where) for address in found.values()]


def _overridden(address: Address, where: Where) -> Address:
    """With what the command line says of the store."""
    known = address.settings
    said = known._replace(endpoint=where.endpoint or known.endpoint, region=where.region or known.region)
    return replace(address, settings=said)


def _own(home: Home | None) -> list[Address]:
    """The store of the embedded cluster; its settings are missing until it was started."""
    if home is None:
        return []
    try:
        store = load(home.settings).store
    except SettingsError:
        return [Address(home.store.as_uri() + "/")]
    settings = StoreSettings(store.endpoint, store.region, store.path_style, store.ca_certificate)
    return [Address(store.uri.rstrip("/") + "/", settings)]


async def _with_settings(client: KubeClient, job: Mapping[str, Any], uri: str) -> Address:
    """The job's orders have the store's endpoint and the like; who may not read them names these in the
    environment."""
    metadata = job["metadata"]
    try:
        orders = await client.get(CONFIG_MAPS, launch_config_name(metadata["name"]), metadata["namespace"]) or {}
        store = json.loads((orders.get("data") or {}).get(LAUNCH_KEY) or "{}").get("store") or {}
    except (ApiError, ValueError):
        store = {}
    return Address(uri, StoreSettings.parse(store))
