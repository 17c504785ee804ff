"""HTTP to one API server: credentials, the rate limit, retries, typed errors. Knows no kinds and no verbs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol, TypeVar

import aiohttp
from yarl import URL

from footplate.engine.clock import Clock
from footplate.errors import ApiError, TooManyRequests, Unauthorized, Unavailable
from footplate.kube.config import Connection
from footplate.kube.failures import refused, unreachable
from footplate.kube.rate import TokenBucket

log = logging.getLogger(__name__)

TRIES = 5
BACKOFF_SECONDS = 0.5  # doubles with every try
LONGEST_WAIT_SECONDS = 60.0  # a Retry-After beyond this is the caller's to wait for
TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=10)
CONNECTIONS = 100
BROKEN = (aiohttp.ClientError, OSError, asyncio.TimeoutError)

T = TypeVar("T")
Reconnect = Callable[[], Awaitable[Connection]]


class StreamBroken(Unavailable):
    """An answer that had begun broke off, or fell silent."""


class CallObserver(Protocol):
    """Hears of calls: `verb` is the API's word for one."""

    def api_called(self, verb: str, code: int, seconds: float) -> None:
        """One call was answered with that HTTP status, or with nothing (0), after so many seconds."""
        ...

    def api_waited(self, seconds: float) -> None:
        """The limit on the rate of calls let one through after so many seconds."""
        ...

    def api_retried(self, verb: str) -> None:
        """A call that failed will be made again."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `verb` is the API's word (get, list, watch, …); `action` completes the sentence "Could not …"."""

    verb: str
    method: str
    path: str
    action: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = "application/json"


class Transport:
    """One session to one API server. Must be closed."""

    def __init__(
        self,
        connection: Connection,
        reconnect: Reconnect,
        bucket: TokenBucket,
        clock: Clock,
        random: Random,
        user_agent: str,
        observer: CallObserver | None = None,
    ) -> None:
        self.connection = connection
        self._reconnect = reconnect
        self._bucket = bucket
        self.clock = clock
        self._random = random
        self._observer = observer
        self._renewing = asyncio.Lock()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            headers={"User-Agent": user_agent},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=not _is_loopback(connection.server),
        )

    async def close(self) -> None:
        await self._session.close()

    async def call(self, request: Request) -> Any:
        """The parsed JSON of the answer. Raises ApiError when it stays refused after a few tries."""
        answer = await self._persist(request, lambda: self._once(request))
        try:
            return json.loads(answer)
        except ValueError as error:
            raise ApiError(
                f"Could not {request.action}: {self.connection.server} does not answer as an API server does",
                status=200,
            ) from error

    @asynccontextmanager
    async def stream(self, request: Request, idle_seconds: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """An answer without end, in pieces as they come. Silence of `idle_seconds` ends it as a lost connection.

        Opening is retried as any call; what breaks later is raised as StreamBroken.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=idle_seconds)
        response = await self._persist(request, lambda: self._open(request, timeout))
        try:
            yield self._pieces(request, response)
        finally:
            response.close()  # what is still coming is not wanted, so the connection cannot be used again

    async def _pieces(self, request: Request, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            async for piece in response.content.iter_any():
                yield piece
        except BROKEN as error:
            lost = unreachable(request.action, self.connection.server, error)
            raise StreamBroken(lost.message, reason=lost.reason) from error

    async def _once(self, request: Request) -> bytes:
        response = await self._open(request, TIMEOUT)
        try:
            return await response.read()
        except BROKEN as error:
            raise unreachable(request.action, self.connection.server, error) from error
        finally:
            response.release()

    async def _open(self, request: Request, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """Send it once (twice when the credentials had expired) and return a response with a good status."""
        connection = self.connection
        try:
            return await self._send(connection, request, timeout)
        except Unauthorized:
            await self._renew(connection)
            return await self._send(self.connection, request, timeout)

    async def _send(
        self, connection: Connection, request: Request, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        await self._wait_for_turn()
        headers = await connection.headers()
        data = None
        if request.body is not None:
            data = json.dumps(request.body, separators=(",", ":")).encode()
            headers["Content-Type"] = request.content_type
        begun = self.clock.monotonic()
        try:
            response = await self._session.request(
                request.method,
                URL(connection.server + request.path, encoded=True),
                params=request.params,
                data=data,
                headers=headers,
                timeout=timeout,
                ssl=connection.tls if connection.tls is not None else True,
                server_hostname=connection.tls_name,
                proxy=connection.proxy,
                allow_redirects=False,
            )
            if 200 <= response.status < 300:
                self._count(request, response.status, begun)
                return response
            text = await response.read()
        except BROKEN as error:
            self._count(request, 0, begun)
            raise unreachable(request.action, connection.server, error) from error
        self._count(request, response.status, begun)
        raise refused(request.action, response.status, text, response.headers.get("Retry-After"))

    async def _persist(self, request: Request, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try again what may pass: 429, 5xx and lost connections."""
        backoff = BACKOFF_SECONDS
        for _ in range(TRIES - 1):
            try:
                return await attempt()
            except (TooManyRequests, Unavailable) as error:
                if error.retry_after > LONGEST_WAIT_SECONDS:
                    raise
                pause = max(error.retry_after, backoff * self._random.uniform(0.75, 1.25))
                log.debug("%s; trying again in %.1f s", error, pause)
                await self.clock.sleep(pause)
                backoff *= 2
                if self._observer is not None:
                    self._observer.api_retried(request.verb)
        return await attempt()

    async def _renew(self, used: Connection) -> None:
        """Read the credentials again, once for all the calls that were refused with the same ones."""
        async with self._renewing:
            if self.connection is used:
                self.connection = await self._reconnect()

    async def _wait_for_turn(self) -> None:
        begun = self.clock.monotonic()
        await self._bucket.take()
        if self._observer is not None:
            self._observer.api_waited(self.clock.monotonic() - begun)

    def _count(self, request: Request, code: int, begun: float) -> None:
        if self._observer is not None:
            self._observer.api_called(request.verb, code, self.clock.monotonic() - begun)


def _is_loopback(server: str) -> bool:
    """Go, hence kubectl, never asks a proxy of the environment for these; neither do we."""
    host = URL(server).host or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"
