"""Puts the log of the build of the job's environment beside the job's own logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from footplate_runtime.contract import BUILD_LOG
from footplate_runtime.orders import Orders
from footplate_runtime.store import NotFound, StoreError
from footplate_runtime.store.base import BLOCK


def copy_build_log(orders: Orders, uri: str, env: Mapping[str, str], log: Callable[[str], None]) -> None:
    """Copy the log at ``uri`` into the run, unless it is there. A log that cannot be had costs the job nothing."""
    try:
        run = orders.open_store(env)
        try:
            run.head(BUILD_LOG)
        except NotFound:
            folder, _, name = uri.rpartition("/")
            store = orders.open_store(env, f"{folder}/")
            size = store.head(name).size
            ranges = ((start, min(start + BLOCK, size)) for start in range(0, size, BLOCK))
            run.put_stream(BUILD_LOG, (b"".join(store.read(name, *part)) for part in ranges), size)
    except StoreError as error:
        log(f"The build log of the environment, {uri}, is not copied: {error}")
