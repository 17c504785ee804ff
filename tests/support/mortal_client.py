"""An operator's client that dies at one of its writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from footplate.kube.client import KubeClient

WRITES = ("create", "update", "patch", "delete")


class Mortal:
    """A client whose n-th write is the operator's last: it dies before the write is sent, or after it was done.

    A dead operator's calls never return; the test then takes it away.
    """

    def __init__(self, client: KubeClient, number: int, sent: bool) -> None:
        self._client = client
        self._left = number
        self._sent = sent
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._counted(found) if name in WRITES else found

    def _counted(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self.dead or self._left == 0:
                self.dead = True
                if self._sent:
                    await call(*args, **kwargs)
                await asyncio.Event().wait()
            return await call(*args, **kwargs)

        return counted
