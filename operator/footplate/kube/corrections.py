"""Writes whose refusal shows that what is known of an object is out of date: the store is put right at once, rather
than by an event that may never come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from footplate.engine.keys import Key
from footplate.engine.store import Store, View
from footplate.errors import Retry
from footplate.kube.client import KubeClient
from footplate.kube.resources import PODS, Resource

SOON = 0.1  # seconds

V = TypeVar("V", bound=View)


async def read_again(
    client: KubeClient, resource: Resource, store: Store[V], view_of: Callable[[Mapping[str, Any]], V], key: Key
) -> Retry:
    """After a Conflict: take in the object as it is now; the error to raise instead."""
    fresh = await client.get(resource, key.name, key.namespace)
    if fresh is not None:
        store.put(view_of(fresh))
    return Retry(SOON, f"{key} has changed meanwhile")


async def delete_pod(client: KubeClient, store: Store[V], key: Key, uid: str, grace_seconds: int | None = None) -> None:
    """One that is not there any more is a ghost in the store: its deletion was never told."""
    there = await client.delete(PODS, key.name, key.namespace, uid=uid, grace_seconds=grace_seconds)
    ghost = None if there else store.get(key)
    if ghost is not None and ghost.uid == uid:
        store.remove(ghost)
