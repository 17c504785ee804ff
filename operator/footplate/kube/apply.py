"""Creating children under names that we choose: doing it twice does it once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from footplate.errors import AlreadyExists, FootplateError, NameTaken
from footplate.kube.client import KubeClient
from footplate.kube.resources import Resource

Json = dict[str, Any]
TRIES = 3  # an object that is just being deleted may exist for the create and not for the read


async def ensure(client: KubeClient, resource: Resource, body: Mapping[str, Any], owner_uid: str) -> Json:
    """The object as created, or as it is when its controller is already `owner_uid`.

    Raises NameTaken when it belongs to somebody else. What an existing object of ours contains is not compared:
    children are immutable, a change is a new name.
    """
    metadata = body["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace")
    for _ in range(TRIES - 1):
        try:
            return await client.create(resource, body)
        except AlreadyExists:
            existing = await client.get(resource, name, namespace)
        if existing is not None:
            return _accept(resource, existing, owner_uid)
    return await client.create(resource, body)


async def ensure_all(
    client: KubeClient, children: Sequence[tuple[Resource, Mapping[str, Any]]], owner_uid: str, parallel: int = 50
) -> list[Json]:
    """`ensure` each of them, at most `parallel` at once, and return them in the same order.

    After the first error no further one is begun; what is under way ends, then the error is raised.
    """
    results: dict[int, Json] = {}
    errors: list[FootplateError] = []
    todo = iter(enumerate(children))

    async def work() -> None:
        for index, (resource, body) in todo:
            if errors:
                return
            try:
                results[index] = await ensure(client, resource, body, owner_uid)
            except FootplateError as error:
                errors.append(error)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(parallel, len(children))):
            group.create_task(work())
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(children))]


def controller_of(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner reference of the controller, if there is one."""
    references: Iterable[Mapping[str, Any]] = body["metadata"].get("ownerReferences") or ()
    return next((reference for reference in references if reference.get("controller")), None)


def _accept(resource: Resource, existing: Json, owner_uid: str) -> Json:
    owner = controller_of(existing)
    if owner is not None and owner.get("uid") == owner_uid:
        return existing
    metadata = existing["metadata"]
    belongs = f"belongs to {owner['kind']} {owner['name']} (uid {owner['uid']})" if owner else "has no owner"
    raise NameTaken(
        f"{resource.describe(metadata.get('namespace'), metadata['name'])} exists already and {belongs}; "
        "delete it or choose another name."
    )
