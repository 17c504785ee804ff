"""Operators written with kopf: in a thread of the tests, or as a process of `kopf run`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

import kopf
from api_objects import JSON, MERGE, created, eventually, gone, read
from api_server import ApiServerInThread

SECONDS = 15.0
CATS = "cats"
GROUP = "animals.example.com"
FINALIZER = "kopf.zalando.org/KopfFinalizerMarker"
HANDLED = "kopf.zalando.org/last-handled-configuration"
LOOSE: JSON = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def kind(plural: str, name: str, *, group: str = GROUP, scope: str = "Namespaced", status: bool = False) -> JSON:
    """A CRD as kopf's tutorial has it: any spec, any status; `status` adds the subresource."""
    version: JSON = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": LOOSE, "status": LOOSE}}},
    }
    if status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"plural": plural, "singular": name.lower(), "kind": name},
            "versions": [version],
        },
    }


def registry_for(server: ApiServerInThread) -> kopf.OperatorRegistry:
    """An empty registry whose operator logs in to this server."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=server.url, ca_path=str(server.certificate), token=server.token)

    return found


class OperatorInThread:
    """`with OperatorInThread(registry, namespaces=["team-a"]): …`; all ends with the block."""

    def __init__(
        self, registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings | None = None, **options: Any
    ) -> None:
        """`options` go to kopf.operator; without peering unless they say otherwise."""
        self.settings = settings or kopf.OperatorSettings()
        self.settings.process.ultimate_exiting_timeout = None  # it would kill the tests' process
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._options = {"standalone": True, "registry": registry, "settings": self.settings, **options}
        self._thread = threading.Thread(target=self._serve, name="kopf", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(SECONDS), "the operator does not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "the operator does not end"

    def _serve(self) -> None:
        asyncio.run(kopf.operator(stop_flag=self._stop, ready_flag=self._ready, **self._options))


class OperatorProcess:
    """`kopf run FILE…` on a server's kubeconfig; what it logs goes to a file beside."""

    def __init__(self, server: ApiServerInThread, script: Path, *arguments: str) -> None:
        self.log = script.with_suffix(".log")
        self._command = [sys.executable, "-m", "kopf", "run", "--verbose", *arguments, str(script)]
        self._environment = {**os.environ, "KUBECONFIG": str(server.kubeconfig), "HOME": str(script.parent)}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)

    def terminate(self) -> int:
        """Stop as a kubelet does; returns the exit code."""
        self.process.terminate()
        return self.process.wait(SECONDS)


class Place:
    """A namespace of one test on the server of the module."""

    def __init__(self, server: ApiServerInThread, name: str) -> None:
        self.server = server
        self.name = name
        created(server, "/api/v1/namespaces", {"metadata": {"name": name}})
        self.registry = registry_for(server)

    def path(self, name: str = "", plural: str = CATS) -> str:
        return f"/apis/{GROUP}/v1/namespaces/{self.name}/{plural}" + (f"/{name}" if name else "")

    def core(self, plural: str) -> str:
        return f"/api/v1/namespaces/{self.name}/{plural}"

    def create(self, name: str, kind: str = "Cat", plural: str = CATS, spec: JSON | None = None, **meta: Any) -> JSON:
        body = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name, **meta}, "spec": spec or {}}
        return created(self.server, self.path(plural=plural), body)

    def read(self, name: str, plural: str = CATS) -> JSON:
        return read(self.server, self.path(name, plural))

    def patch(self, name: str, patch: JSON, plural: str = CATS) -> None:
        status, answer = self.server.request("PATCH", self.path(name, plural), patch, MERGE)
        assert status == 200, answer

    def delete(self, name: str, plural: str = CATS) -> None:
        assert self.server.request("DELETE", self.path(name, plural))[0] == 200

    def gone(self, name: str, plural: str = CATS) -> None:
        gone(self.server, self.path(name, plural))

    def operator(self, settings: kopf.OperatorSettings | None = None, **options: Any) -> OperatorInThread:
        return OperatorInThread(self.registry, settings, **{"namespaces": [self.name], **options})

    def handled(self, name: str, plural: str = CATS) -> None:
        """Wait until kopf has written what it has handled last, and no progress is left."""

        def settled() -> bool:
            found = self.read(name, plural)
            marks = [key for key in found["metadata"].get("annotations", {}) if key.startswith("kopf.zalando.org/")]
            return marks == [HANDLED] and "kopf" not in found.get("status", {})

        eventually(settled, SECONDS)
