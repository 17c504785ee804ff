"""What is known of runs before a store is read: which stores there are, and the jobs that a cluster still has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from footplate.cli.runs.address import Address, Where

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """`namespace` None: all of them. `jobs` are those that the cluster has, none when no cluster was asked; `note` says
    why it was not."""

    namespace: str | None
    stores: Sequence[Address]
    jobs: Sequence[Json] = ()
    note: str | None = None


def known(where: Where, name: str | None = None) -> Known:
    """Of all runs that `where` means; with a `name` of that job alone if the cluster has it.

    Raises CommandFailed when there is neither a store nor a cluster to ask, and what the cluster refused with.
    """
    return asyncio.run(ask(where, name))


async def ask(where: Where, name: str | None = None) -> Known:
    """`known` for callers that are asynchronous."""
    if where.store is not None:
        return Known(None if where.all_namespaces else where.namespace, [where.address(where.store)])
    from footplate.cli.runs import cluster  # loads the client, which a store alone does without

    return await cluster.ask(where, name)


def run_uri(job: Mapping[str, Any]) -> str | None:
    """Where the job's run lies; None before its first attempt."""
    run = (job.get("status") or {}).get("run") or {}
    uri: str | None = run.get("uri")
    return uri


def store_of(uri: str) -> str:
    """The store of a run at `<store>/<namespace>/<job>-<uid8>/`; ends in a slash."""
    return uri.rstrip("/").rsplit("/", 2)[0] + "/"
