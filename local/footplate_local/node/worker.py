"""One pod of this node from its binding to the end of its object: runs it, writes its status, removes it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from footplate.errors import ApiError, Conflict, NotFound
from footplate.kube.client import KubeClient
from footplate.kube.resources import PODS
from footplate_local.node.runner import PodRunner
from footplate_local.node.status import pod_status

log = logging.getLogger(__name__)

Json = dict[str, Any]
COALESCE_SECONDS = 0.01  # changes that come together make one write
RETRY_SECONDS = 1.0
TERMINAL = ("Succeeded", "Failed")


class PodWorker:
    """Owns a runner. ``run`` returns when the pod's object is gone and nothing of it runs."""

    def __init__(self, runner: PodRunner, client: KubeClient, ended: Callable[[], None]) -> None:
        """ENDED is called once when the containers have ended and the pod's requests are free again."""
        self.runner = runner
        self._client = client
        self._ended = ended
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()  # the final status is written, or nobody wants it any more
        self._deleting = asyncio.Event()
        self._gone = asyncio.Event()

    @property
    def pod(self) -> Json:
        return self.runner.pod

    @property
    def uid(self) -> str:
        return str(self.pod["metadata"]["uid"])

    def status_changed(self) -> None:
        self._changed.set()

    def update(self, pod: Json) -> None:
        """The object as the API server has it now; its deletion starts the grace period."""
        self.runner.update(pod)
        metadata = pod["metadata"]
        if metadata.get("deletionTimestamp"):
            grace = metadata.get("deletionGracePeriodSeconds") or 0
            self.runner.stop(time.time() + grace)
            self._deleting.set()

    def vanish(self, grace: float) -> None:
        """The object is gone though we have not removed it: what still runs gets GRACE seconds."""
        self.runner.stop(time.time() + grace)
        self._gone.set()
        self._deleting.set()
        self._settled.set()

    async def run(self) -> None:
        report = asyncio.create_task(self._report())
        try:
            await self.runner.run()
            self._ended()
            self._changed.set()
            await self._settled.wait()
            await self._deleting.wait()
            await self._delete()
            await self._gone.wait()
        finally:
            report.cancel()
            await asyncio.gather(report, return_exceptions=True)

    async def _report(self) -> None:
        """Writes the status whenever it is another, again and again until the API server has taken it."""
        while not self._gone.is_set():
            await self._changed.wait()
            await asyncio.sleep(COALESCE_SECONDS)
            self._changed.clear()
            final = self.runner.finished
            try:
                await self._write()
            except NotFound:
                self.vanish(0.0)
                return
            except ApiError as error:
                log.warning("the status of pod %s could not be written: %s", self._name, error)
                await asyncio.sleep(RETRY_SECONDS)
                self._changed.set()
                continue
            if final:
                self._settled.set()

    async def _write(self) -> None:
        known = self.pod.get("status") or {}
        status = pod_status(self.runner.observed(), known.get("conditions") or [], time.time())
        if _without_nulls(status).items() <= _without_nulls(known).items():
            return
        metadata = self.pod["metadata"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
        try:
            written = await self._client.patch(
                PODS, metadata["name"], metadata["namespace"], patch, subresource="status"
            )
        except Conflict:
            current = await self._client.get(PODS, metadata["name"], metadata["namespace"])
            if current is None or current["metadata"]["uid"] != metadata["uid"]:
                raise NotFound(f"pod {self._name} is another one now") from None
            self.update(current)
            raise
        self.update(written)

    async def _delete(self) -> None:
        """Removes the object: the last step of a graceful deletion (kubelet: grace period 0, uid precondition)."""
        metadata = self.pod["metadata"]
        while not self._gone.is_set():
            try:
                if not await self._client.delete(
                    PODS, metadata["name"], metadata["namespace"], uid=metadata["uid"], grace_seconds=0
                ):
                    self._gone.set()
                return
            except ApiError as error:
                log.warning("pod %s could not be removed: %s", self._name, error)
                await asyncio.sleep(RETRY_SECONDS)

    @property
    def _name(self) -> str:
        return f"{self.pod['metadata']['namespace']}/{self.pod['metadata']['name']}"


def _without_nulls(value: Json) -> Json:
    """For comparing: the API server drops what is null."""
    return {key: _clean(item) for key, item in value.items() if item is not None}


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return _without_nulls(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
