"""Which pods were ever made, by a watch that outlives the API server it asks."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from footplate.constants import LABEL_RECORDER
from footplate.engine.clock import SystemClock
from footplate.errors import ApiError
from footplate.kube.client import KubeClient
from footplate.kube.resources import PODS


class MadePods:
    """The uids seen for each pod name of the namespace default: two of one name were made twice."""

    def __init__(self) -> None:
        self._uids: dict[str, set[str]] = defaultdict(set)

    def of(self, prefix: str) -> dict[str, int]:
        """How many pods were made under each name that begins so."""
        return {name: len(uids) for name, uids in sorted(self._uids.items()) if name.startswith(prefix)}

    async def watch(self, kubeconfig: Path) -> None:
        client = await KubeClient.connect(kubeconfig=str(kubeconfig), clock=SystemClock())
        try:
            while True:
                try:
                    async for event in client.watch(PODS, "default"):
                        metadata = event["object"]["metadata"]
                        if LABEL_RECORDER in metadata.get("labels", {}):
                            continue  # one that is killed is made again, and that is fine
                        self._uids[metadata["name"]].add(metadata["uid"])
                except ApiError:
                    await asyncio.sleep(0.1)  # it is being started again
        finally:
            await client.close()


@contextmanager
def made_pods(kubeconfig: Path) -> Iterator[MadePods]:
    """Watches in a thread of its own for as long as the block runs."""
    made = MadePods()
    loop = asyncio.new_event_loop()
    task = loop.create_task(made.watch(kubeconfig))

    def run() -> None:
        try:
            loop.run_until_complete(asyncio.wait([task]))
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="made-pods")
    thread.start()
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        if task.done() and not task.cancelled():
            task.result()  # the watch has ended by itself: what was seen is not all
