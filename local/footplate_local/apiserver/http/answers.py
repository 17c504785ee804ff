"""Answers over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from footplate_local.apiserver.storage.model import encode

JSON = dict[str, Any]


def answer(body: Any, status: int = 200, warnings: Sequence[str] = ()) -> web.Response:
    """A JSON answer of a value or of text that is encoded already; kubectl prints `warnings`."""
    raw = body if isinstance(body, bytes) else encode(body)
    response = web.Response(body=raw, status=status, content_type="application/json")
    for text in warnings:
        response.headers.add("Warning", warning(text))
    return response


def warning(text: str) -> str:
    """A warning as a header (RFC 7234)."""
    printable = "".join(character for character in text if character.isprintable())
    quoted = printable.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{quoted}"'


def success(details: JSON, *, code: int | None = None) -> JSON:
    """A Status that says that something was done and that there is nothing else to show."""
    status: JSON = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details:
        status["details"] = details
    if code is not None:
        status["code"] = code
    return status
