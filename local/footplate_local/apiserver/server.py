"""One running server: its files, its port, its tasks.

Below its home: `token`, `cluster.db`, `kubeconfig`, `run/apiserver.port`, `run/apiserver.pem`. A port that was used
before is used again when it is free, so that kubeconfigs stay valid over restarts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import secrets
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from footplate_local import kubeconfig
from footplate_local.apiserver import tls
from footplate_local.apiserver.controllers.collector import Collector
from footplate_local.apiserver.controllers.definitions import Definitions
from footplate_local.apiserver.controllers.expiry import EventExpiry
from footplate_local.apiserver.controllers.workloads import Workloads
from footplate_local.apiserver.http.faults import Faults, Request
from footplate_local.apiserver.http.handler import Handler
from footplate_local.apiserver.http.requests import LARGEST_BODY
from footplate_local.apiserver.http.verbs import ResourceApi
from footplate_local.apiserver.kinds.builtins import builtin_types
from footplate_local.apiserver.kinds.definitions import DefinitionStrategy
from footplate_local.apiserver.kinds.registry import Registry
from footplate_local.apiserver.objects import first_objects
from footplate_local.apiserver.objects.objects import Objects
from footplate_local.apiserver.rights.rbac import Authorizer
from footplate_local.apiserver.rights.users import Tokens
from footplate_local.apiserver.storage.model import Change
from footplate_local.apiserver.storage.sqlite import HISTORY, SqliteStorage

_LOG = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_LONGEST_LINE = 64 * 1024  # bytes of a path with its query, and of a header
_SHUTDOWN_SECONDS = 1.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ApiServer:
    """A server on the running event loop: `start`, then `stop`. It can be started once."""

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        now: Callable[[], datetime] = _utc_now,
        source: random.Random | None = None,
        history: int = HISTORY,
        workloads: bool = False,
    ) -> None:
        """`port` 0: the one of the last run, or any. `source` makes uids and generated names.

        `workloads`: Deployments and ReplicaSets make pods, as is fit where something runs pods.
        """
        self._home = home
        self._wanted_port = port
        self._now = now
        self._random = source or random.SystemRandom()
        self._history = history
        self._workloads = workloads
        self._certificate = home / "run" / "apiserver.pem"
        self.port = 0
        self.token = ""

    @property
    def url(self) -> str:
        return f"https://{_HOST}:{self.port}"

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """What it listens on."""
        return [(address[0], address[1]) for address in self._runner.addresses]

    @property
    def kubeconfig(self) -> Path:
        return self._home / "kubeconfig"

    @property
    def faults(self) -> Faults:
        return self._handler.faults

    @property
    def requests(self) -> deque[Request]:
        return self._handler.requests

    def drop_watches(self) -> None:
        """End all open watches, as a load balancer or a restart does."""
        self._api.close_watches()

    async def start(self) -> None:
        """Open the store, listen, write the kubeconfig. Raises OSError when a port that was asked for is taken."""
        (self._home / "run").mkdir(parents=True, exist_ok=True)
        self.token = _token(self._home / "token")
        self._storage = SqliteStorage(self._home / "cluster.db", self._history)
        self._registry = Registry(builtin_types(DefinitionStrategy()))
        self._storage.subscribe(self._add_service_account)
        self._objects = Objects(self._storage, self._registry, now=self._now, source=self._random)
        Definitions(self._objects)
        first_objects.create(self._objects)
        tokens = Tokens(self.token, self._storage, self._now)
        self._api = ResourceApi(self._objects, self._random, tokens)
        self._handler = Handler(self._registry, self._api, tokens, Authorizer(self._storage), self._now)
        self._controllers = [
            asyncio.create_task(Collector(self._objects).run(), name="collector"),
            asyncio.create_task(EventExpiry(self._storage, self._now).run(), name="event-expiry"),
        ]
        if self._workloads:
            self._controllers.append(asyncio.create_task(Workloads(self._objects).run(), name="workloads"))
        await self._listen()
        kubeconfig.write(self.kubeconfig, self.url, self.token, certificate=tls.public_part(self._certificate))

    async def stop(self) -> None:
        """End streams, finish what is being answered, close the store."""
        self._api.close_watches()
        await self._runner.cleanup()
        for task in self._controllers:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._storage.close()

    async def _listen(self) -> None:
        server = web.Server(
            self._handler,
            request_factory=_request,
            access_log=None,
            handler_cancellation=True,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        context = tls.server_context(self._certificate)
        await self._runner.setup()
        remembered = self._home / "run" / "apiserver.port"
        candidates = [self._wanted_port] if self._wanted_port else [*_last_port(remembered), 0]
        for candidate in candidates:
            try:
                await web.TCPSite(self._runner, _HOST, candidate, ssl_context=context, reuse_address=True).start()
                break
            except OSError:
                if candidate == candidates[-1]:
                    raise
                _LOG.warning("port %d of the last run is taken, taking another", candidate)
        self.port = self.addresses[0][1]
        kubeconfig.replace_text(remembered, f"{self.port}\n")

    def _add_service_account(self, change: Change) -> None:
        if change.type == "ADDED" and change.stored.key.resource == "namespaces":
            first_objects.add_service_account(self._objects, change.stored.key.name)


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]) -> web.BaseRequest:
    """aiohttp's own factory, but with room for large objects."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=LARGEST_BODY + 1)


def _last_port(path: Path) -> list[int]:
    try:
        return [int(path.read_text())]
    except (FileNotFoundError, ValueError):
        return []


def _token(path: Path) -> str:
    """The token of a home, made when missing; readable by its owner alone."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    token = secrets.token_urlsafe(32)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
    return token
