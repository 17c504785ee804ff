"""An API server in the test's process: real HTTP, real storage, on an event loop of its own in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.client
import json
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from footplate_local.apiserver.http.faults import Faults, Request
from footplate_local.apiserver.server import ApiServer
from footplate_local.crds import crds

T = TypeVar("T")
START_SECONDS = 20.0

_crds = functools.cache(crds)  # parsing them takes longer than the server takes to start


class ApiServerInThread:
    """What the fixture `api_server` gives. All methods may be called from any thread."""

    def __init__(self, home: Path, **options: Any) -> None:
        """`options` go to ApiServer: `now`, `source`, `history`, `port`, `workloads`."""
        self.home = home
        self._options = options
        self._server: ApiServer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def server(self) -> ApiServer:
        assert self._server is not None, "the API server is not running"
        return self._server

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def token(self) -> str:
        return self.server.token

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    @property
    def certificate(self) -> Path:
        """A PEM file that clients can trust as CA."""
        return self.home / "run" / "apiserver.pem"

    @property
    def faults(self) -> Faults:
        """Rules for requests to be answered wrongly: `faults.add("POST", "/pods$", code=500, count=2)`."""
        return self.server.faults

    @property
    def requests(self) -> list[Request]:
        """The requests answered since the start (method, path with query, user agent, status)."""
        return list(self.server.requests)

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        loop = asyncio.new_event_loop()
        self._loop = loop
        self._thread = threading.Thread(target=loop.run_forever, name="api-server", daemon=True)
        self._thread.start()
        server = ApiServer(self.home, **self._options)
        self._run(server.start())
        self._server = server

    def stop(self) -> None:
        """Stop as on SIGTERM; nothing when it is stopped already."""
        if self._loop is None or self._thread is None:
            return
        loop, thread = self._loop, self._thread
        try:
            if self._server is not None:
                self._run(self._server.stop())
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(START_SECONDS)
            loop.close()
            self._server = self._loop = self._thread = None

    def restart(self) -> None:
        """Stop and start on the same files and, since it is remembered there, the same port."""
        self.stop()
        self.start()

    def drop_watches(self) -> None:
        """End all open watch streams."""
        assert self._loop is not None, "the API server is not running"
        self._loop.call_soon_threadsafe(self.server.drop_watches)

    def request(
        self, method: str, path: str, body: Any = None, content_type: str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """One request; returns the status and the decoded body (text when it is no JSON)."""
        with self.open(method, path, body, content_type, **headers) as response:
            raw = response.read()
            try:
                return response.status, json.loads(raw)
            except ValueError:
                return response.status, raw.decode()

    @contextlib.contextmanager
    def open(
        self, method: str, path: str, body: Any = None, content_type: str | None = None, **headers: str
    ) -> Iterator[http.client.HTTPResponse]:
        """One request whose answer is read by the caller: a watch."""
        context = ssl.create_default_context(cafile=self.certificate)
        connection = http.client.HTTPSConnection("127.0.0.1", self.server.port, context=context, timeout=20)
        sent = {"Authorization": f"Bearer {self.token}", "User-Agent": "tests"} | headers
        if body is not None:
            sent["Content-Type"] = content_type or "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            yield connection.getresponse()
        finally:
            connection.close()

    def load_crds(self) -> None:
        """Create every CustomResourceDefinition of crds/."""
        for document in _crds():
            status, answer = self.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", document)
            assert status == 201, f"{document['metadata']['name']}: {answer}"

    def on_its_loop(self, call: Callable[[], T]) -> T:
        """Call a function where the server runs; what belongs to it must not be touched elsewhere."""

        async def work() -> T:
            return call()

        return self._run(work())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None, "the API server is not running"
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)
