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
from footplate.kube.fence import Fence
from footplate.kube.rate import TokenBucket

log = logging.getLogger(__name__)

TRIES = 5
BACKOFF_SECONDS = 0.5  # doubles with every try
LONGEST_WAIT_SECONDS = 60.0  # a Retry-After beyond this is the caller's to wait for
ANSWER_SECONDS = 20.0
LIST_SECONDS = 60.0  # a page of a large collection takes its time
CONNECT_SECONDS = 10.0
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
    body: Any = None  # of every write, and of nothing else
    content_type: str = "application/json"


class Transport:
    """One session to one API server. Must be closed."""

    def __init__(
        self,
        connection: Connection,
        reconnect: Reconnect,
        bucket: TokenBucket | None,
        clock: Clock,
        random: Random,
        user_agent: str,
        observer: CallObserver | None = None,
        fence: Fence | None = None,
        tries: int = TRIES,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Without a `bucket` the rate has no limit, without a `fence` writes are always allowed.

        A call is made up to `tries` times, and each time an answer is awaited for `answer_seconds` at most (of a list
        for longer).
        """
        self.connection = connection
        self._reconnect = reconnect
        self._bucket = bucket
        self.clock = clock
        self._random = random
        self._observer = observer
        self._fence = fence
        self._tries = tries
        connect = min(CONNECT_SECONDS, answer_seconds)
        self._timeout = aiohttp.ClientTimeout(total=answer_seconds, sock_connect=connect)
        self._list_timeout = aiohttp.ClientTimeout(total=max(LIST_SECONDS, answer_seconds), sock_connect=connect)
        self._writes: set[object] = set()  # under way
        self._renewing = asyncio.Lock()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            headers={"User-Agent": user_agent},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=not _is_loopback(connection.server),
            trace_configs=[] if fence is None else [_looking_at(fence)],
        )

    async def close(self) -> None:
        await self._session.close()

    async def writes_ended(self, seconds: float) -> bool:
        """Wait so long for the writes under way; False when some have not ended. To be called behind a shut fence."""
        end = self.clock.monotonic() + seconds
        while self._writes and self.clock.monotonic() < end:
            await self.clock.sleep(0.02)
        return not self._writes

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
        response = await self._open(request, self._list_timeout if request.verb == "list" else self._timeout)
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
        if request.body is None:
            return await self._exchange(connection, request, timeout, headers, None)
        headers["Content-Type"] = request.content_type
        data = json.dumps(request.body, separators=(",", ":")).encode()
        write = object()
        self._writes.add(write)
        try:
            return await self._exchange(connection, request, self._within_fence(timeout), headers, data)
        finally:
            self._writes.remove(write)

    def _within_fence(self, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientTimeout:
        """A write is over before another operator can lead. Raises NotLeading."""
        if self._fence is None:
            return timeout
        left = self._fence.seconds_left()
        return aiohttp.ClientTimeout(total=min(left, timeout.total or left), sock_connect=timeout.sock_connect)

    async def _exchange(
        self,
        connection: Connection,
        request: Request,
        timeout: aiohttp.ClientTimeout,
        headers: Mapping[str, str],
        data: bytes | None,
    ) -> aiohttp.ClientResponse:
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
        for _ in range(self._tries - 1):
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
        if self._bucket is None:
            return
        begun = self.clock.monotonic()
        await self._bucket.take()
        if self._observer is not None:
            self._observer.api_waited(self.clock.monotonic() - begun)

    def _count(self, request: Request, code: int, begun: float) -> None:
        if self._observer is not None:
            self._observer.api_called(request.verb, code, self.clock.monotonic() - begun)


def _looking_at(fence: Fence) -> aiohttp.TraceConfig:
    """aiohttp calls this right before it hands a piece of a body to the socket; a request's head goes with the first.

    What it raises breaks the connection, so the write fails as on a lost one, with nothing sent.
    """

    async def look(*_: object) -> None:
        fence.seconds_left()

    config = aiohttp.TraceConfig()
    config.on_request_chunk_sent.append(look)
    return config


def _is_loopback(server: str) -> bool:
    """Go, hence kubectl, never asks a proxy of the environment for these; neither do we."""
    host = URL(server).host or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"
