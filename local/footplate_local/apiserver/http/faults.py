"""Faults that a test asks for, and a record of the requests: what a client does when the server misbehaves.

A test adds rules to the server that it runs (`api_server.faults.add("POST", "/pods$", code=409, count=2)`): what kinds
of misbehaviour there are is told at `Fault`. All open watches end at once with `drop_watches` of the server.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from aiohttp import web

from footplate_local.apiserver.errors import StatusError

Action = Literal["status", "delay", "drop", "cut", "hang", "hold"]
_REASONS = {
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(slots=True)
class Fault:
    """A rule: the next `count` requests whose method and path match are answered wrongly.

    `method`, `path` and `agent` (the client's User-Agent) are regular expressions; the path is matched with its query
    (`…/pods?watch=true`), anywhere. With a `chance` below 1 it is that share of them, as the seed of `Faults` has it.
    Actions: `status` answers with the status `code` (and Retry-After when `retry_after` is set), for example 409, 429,
    500 or 503; `delay` waits `seconds` and then answers as usual; `drop` closes the connection without an answer, after
    carrying the request out when `after` is true; `cut` answers, but closes the connection after `seconds`, in the
    middle of a watch; `hang` never answers; `hold` waits until `release` is called and then carries the request out,
    also when the client has gone: as a network would that delivers late.
    """

    method: str
    path: str
    action: Action = "status"
    code: int = 500
    count: int = 1
    seconds: float = 0.0
    retry_after: int | None = None
    after: bool = False
    agent: str = ""
    chance: float = 1.0
    _released: bool = False

    def release(self) -> None:
        """Let go what is held; may be called from any thread."""
        self._released = True

    async def released(self) -> None:
        while not self._released:
            await asyncio.sleep(0.01)

    def matches(self, request: web.BaseRequest) -> bool:
        return (
            self.count > 0
            and re.fullmatch(self.method, request.method) is not None
            and re.search(self.path, request.path_qs) is not None
            and re.search(self.agent, request.headers.get("User-Agent", "")) is not None
        )


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request. `at` is monotonic time, `fault` what a test had done to it."""

    method: str
    path: str
    user_agent: str
    status: int
    fault: str = ""
    at: float = field(default_factory=time.monotonic)
    user: str = ""
    """Empty: nobody's, the token was none."""


@dataclass(slots=True)
class Faults:
    """The rules in force; none on a server that is not under test."""

    rules: list[Fault] = field(default_factory=list)
    random: random.Random = field(default_factory=lambda: random.Random(1))

    def add(self, method: str, path: str, **more: object) -> Fault:
        """Add a rule; the arguments are those of Fault."""
        fault = Fault(method, path, **more)  # type: ignore[arg-type]
        self.rules.append(fault)
        return fault

    def clear(self) -> None:
        self.rules.clear()

    def take(self, request: web.BaseRequest) -> Fault | None:
        """The rule that this request falls under, which is used up by one."""
        for fault in self.rules:
            if fault.matches(request) and (fault.chance >= 1 or self.random.random() < fault.chance):
                fault.count -= 1
                return fault
        return None


async def strike(fault: Fault, request: web.BaseRequest) -> None:
    """Carry out a rule before a request is handled. Raises the StatusError to answer with."""
    if fault.action == "delay":
        await asyncio.sleep(fault.seconds)
    elif fault.action == "hold":
        await fault.released()
    elif fault.action == "hang":
        await asyncio.Event().wait()
    elif fault.action == "drop":
        if not fault.after:
            drop(request)
    elif fault.action == "status":
        details = None if fault.retry_after is None else {"retryAfterSeconds": fault.retry_after}
        reason = _REASONS.get(fault.code, "InternalError")
        raise StatusError(fault.code, reason, f"a test asked for this {fault.code}", details=details)


def drop(request: web.BaseRequest) -> NoReturn:
    """Close the connection of a request as it is. Raises ConnectionResetError."""
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("a test asked to drop this connection")
