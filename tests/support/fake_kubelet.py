"""A kubelet for tests of the operator: it runs nothing, and takes pods through the states that a real one reports.

Real HTTP to the API server, no real time: a pod goes on as soon as the test lets it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from api_server import ApiServerInThread
from job_factory import agent_report

from footplate.constants import LABEL_RECORDER
from footplate_runtime.contract import ENV_RECORD

STAGES = ("start", "end", "upload", "record")


@dataclass(frozen=True)
class Script:
    """What a pod's program does."""

    exit_code: int = 0
    seconds: float = 0.0  # how long it runs
    report: Mapping[str, Any] = field(default_factory=agent_report)
    serves: bool = False  # it runs until its pod is deleted
    reason: str = ""
    message: Mapping[str, Any] = field(default_factory=dict)
    stuck: Mapping[str, Any] | None = None  # the state in which its first container waits for ever


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class FakeKubelet:
    """Binds every pod to node `fake` and moves it on; `hold` stops all pods before a stage until `release`."""

    def __init__(
        self, server: ApiServerInThread, script: Callable[[dict[str, Any]], Script], pause: float = 0.02
    ) -> None:
        """`pause` is between two looks at all pods."""
        self._pause = pause
        self._url = server.url
        self._headers = {"Authorization": f"Bearer {server.token}", "User-Agent": "fake-kubelet"}
        self._tls = ssl.create_default_context(cafile=server.certificate)
        self._script = script
        self._gates = {stage: asyncio.Event() for stage in STAGES}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.seen: list[str] = []  # the name of every pod that there ever was, once for each uid
        self.recorders: list[str] = []  # likewise, of pods that write a record
        self.records: list[dict[str, Any]] = []  # what every recorder that has run was told to write
        self.recorder_exit = 0
        self._deleting: dict[str, asyncio.Event] = {}
        for gate in self._gates.values():
            gate.set()

    def hold(self, stage: str) -> None:
        self._gates[stage].clear()

    def release(self, stage: str) -> None:
        self._gates[stage].set()

    async def run(self) -> None:
        """Until cancelled; a poll every few milliseconds is quicker and simpler than a watch that may be cut."""
        connector = aiohttp.TCPConnector(ssl=self._tls)
        async with aiohttp.ClientSession(headers=self._headers, connector=connector) as session:
            try:
                while True:
                    await self._look(session)
                    await asyncio.sleep(self._pause)
            finally:
                for task in self._tasks.values():
                    task.cancel()
                await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _look(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.get(f"{self._url}/api/v1/pods") as response:
                if response.status != 200:
                    return
                pods = (await response.json())["items"]
        except aiohttp.ClientError:
            return
        for task in self._tasks.values():
            if task.done():
                task.result()  # a life that ended in an error is the test's error
        for pod in pods:
            uid = pod["metadata"]["uid"]
            deleting = self._deleting.setdefault(uid, asyncio.Event())
            if "deletionTimestamp" in pod["metadata"]:
                deleting.set()
            if uid not in self._tasks and LABEL_RECORDER in (pod["metadata"].get("labels") or {}):
                self.recorders.append(pod["metadata"]["name"])
                self._tasks[uid] = asyncio.create_task(self._record(session, pod, deleting))
            elif uid not in self._tasks:
                self.seen.append(pod["metadata"]["name"])
                self._tasks[uid] = asyncio.create_task(self._life(session, pod, deleting))

    async def _life(self, session: aiohttp.ClientSession, pod: dict[str, Any], deleting: asyncio.Event) -> None:
        script = self._script(pod)
        started = _now()
        if script.stuck is not None:
            await self._wait_for_ever(session, pod, script.stuck)
            await deleting.wait()
            await self._remove(session, pod)
            return
        if pod["status"].get("phase", "Pending") == "Pending" and "startTime" not in pod["status"]:
            await self._bind(session, pod)
            await self._until("start", deleting)
            if not deleting.is_set():
                await self._report(session, pod, "Running", {"running": {"startedAt": started}}, None)
        await self._until("end", deleting)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(deleting.wait(), script.seconds)
        if script.serves:
            await deleting.wait()
        code = 143 if deleting.is_set() else script.exit_code
        reason = script.reason or ("Completed" if code == 0 else "Error")
        train = {
            "terminated": {
                "exitCode": code,
                "reason": reason,
                "startedAt": started,
                "finishedAt": _now(),
                "message": json.dumps(script.message),
            }
        }
        await self._report(session, pod, "Running", train, None)
        await self._gates["upload"].wait()
        agent = {"terminated": {"exitCode": 0, "finishedAt": _now(), "message": json.dumps(dict(script.report))}}
        await self._report(session, pod, "Failed" if code else "Succeeded", train, agent)
        await deleting.wait()
        await self._remove(session, pod)

    async def _record(self, session: aiohttp.ClientSession, pod: dict[str, Any], deleting: asyncio.Event) -> None:
        """A pod that writes the record of a job; killed before its end it has written nothing."""
        await self._bind(session, pod)
        await self._until("record", deleting)
        if not deleting.is_set():
            (container,) = pod["spec"]["containers"]
            if self.recorder_exit == 0:
                (told,) = (e["value"] for e in container["env"] if e["name"] == ENV_RECORD)
                self.records.append(json.loads(told.replace("$$", "$")))
            state = {"terminated": {"exitCode": self.recorder_exit, "finishedAt": _now(), "message": "so it is"}}
            main = [{"name": container["name"], "state": state, "image": "x", "imageID": "x", "ready": False}]
            status = {
                "phase": "Failed" if self.recorder_exit else "Succeeded",
                "containerStatuses": [{**main[0], "restartCount": 0}],
            }
            await self._send(session, "PATCH", f"{self._path(pod)}/status", {"status": status})
        await deleting.wait()
        await self._remove(session, pod)

    async def _until(self, stage: str, deleting: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(self._gates[stage].wait()), asyncio.ensure_future(deleting.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _wait_for_ever(
        self, session: aiohttp.ClientSession, pod: dict[str, Any], state: Mapping[str, Any]
    ) -> None:
        await self._bind(session, pod)
        images = {"image": "x", "imageID": "", "ready": False, "restartCount": 0}
        initializing = {"waiting": {"reason": "PodInitializing"}}
        init = [{"name": "fetch", "state": {"waiting": dict(state)}, **images}]
        main = [{"name": c["name"], "state": initializing, **images} for c in pod["spec"]["containers"]]
        status = {"phase": "Pending", "initContainerStatuses": init, "containerStatuses": main}
        await self._send(session, "PATCH", f"{self._path(pod)}/status", {"status": status})

    async def _bind(self, session: aiohttp.ClientSession, pod: dict[str, Any]) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod["metadata"]["name"]},
            "target": {"kind": "Node", "name": "fake"},
        }
        await self._send(session, "POST", f"{self._path(pod)}/binding", body)

    async def _report(
        self, session: aiohttp.ClientSession, pod: dict[str, Any], phase: str, train: Any, agent: Any
    ) -> None:
        done = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": _now(), "message": FETCHED}}
        images = {"image": "x", "imageID": "x", "ready": False, "restartCount": 0}
        init = [
            {"name": "fetch", "state": done, **images},
            {"name": "agent", "state": agent or {"running": {"startedAt": _now()}}, **images},
        ]
        main = [{"name": c["name"], "state": train, **images} for c in pod["spec"]["containers"]]
        status = {
            "phase": phase,
            "startTime": _now(),
            "podIP": "127.0.0.1",
            "initContainerStatuses": init,
            "containerStatuses": main,
        }
        await self._send(session, "PATCH", f"{self._path(pod)}/status", {"status": status})

    async def _remove(self, session: aiohttp.ClientSession, pod: dict[str, Any]) -> None:
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        await self._send(session, "DELETE", self._path(pod), body)

    def _path(self, pod: dict[str, Any]) -> str:
        metadata = pod["metadata"]
        return f"{self._url}/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"

    async def _send(self, session: aiohttp.ClientSession, method: str, url: str, body: Any) -> None:
        """Like a kubelet, again and again while the server has trouble; an object that is gone is fine."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        for _ in range(200):
            try:
                async with session.request(
                    method, url, data=json.dumps(body), headers={"Content-Type": kind}
                ) as response:
                    if response.status < 300 or response.status in (404, 409):
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
        raise AssertionError(f"{method} {url} does not succeed")


FETCHED = json.dumps({"version": 1, "source": {"revision": "abc"}, "inputs": []})
