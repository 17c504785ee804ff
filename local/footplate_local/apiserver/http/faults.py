"""Faults that a test asks for, and a record of the requests: what a client does when the server misbehaves."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

from footplate_local.apiserver.errors import StatusError

Action = Literal["status", "delay", "drop", "hang"]
_REASONS = {409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}


@dataclass(slots=True)
class Fault:
    """A rule: the next `count` requests whose method and path match are answered wrongly.

    `method` and `path` are regular expressions; the path is matched with its query (`…/pods?watch=true`), anywhere.
    Actions: `status` answers with the status `code` (and Retry-After when `retry_after` is set); `delay` waits
    `seconds` and then answers as usual; `drop` closes the connection without an answer, after carrying the request
    out when `after` is true; `hang` never answers.
    """

    method: str
    path: str
    action: Action = "status"
    code: int = 500
    count: int = 1
    seconds: float = 0.0
    retry_after: int | None = None
    after: bool = False

    def matches(self, request: web.BaseRequest) -> bool:
        return (
            self.count > 0
            and re.fullmatch(self.method, request.method) is not None
            and re.search(self.path, request.path_qs) is not None
        )


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request."""

    method: str
    path: str
    user_agent: str
    status: int


@dataclass(slots=True)
class Faults:
    """The rules in force; none on a server that is not under test."""

    rules: list[Fault] = field(default_factory=list)

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
            if fault.matches(request):
                fault.count -= 1
                return fault
        return None


async def strike(fault: Fault, request: web.BaseRequest) -> None:
    """Carry out a rule before a request is handled. Raises the StatusError to answer with."""
    if fault.action == "delay":
        await asyncio.sleep(fault.seconds)
    elif fault.action == "hang":
        await asyncio.Event().wait()
    elif fault.action == "drop":
        if not fault.after:
            drop(request)
    else:
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        reason = _REASONS.get(fault.code, "InternalError")
        raise StatusError(fault.code, reason, f"a test asked for this {fault.code}", headers=headers)


def drop(request: web.BaseRequest) -> None:
    """Close the connection of a request without an answer."""
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("a test asked to drop this connection")
