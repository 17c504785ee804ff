from __future__ import annotations

import json
from typing import Any

import pytest

from footplate.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from footplate.kube.failures import refused, unreachable, watch_failed


def status(code: int, reason: str = "", **more: Any) -> bytes:
    return json.dumps(
        {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": "because"} | more
    ).encode()


@pytest.mark.parametrize(
    ("code", "reason", "wanted"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "AlreadyExists", AlreadyExists),
        (409, "Conflict", Conflict),
        (410, "Expired", Gone),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", TooManyRequests),
        (500, "InternalError", Unavailable),
        (504, "Timeout", Unavailable),
    ],
)
def test_each_status_has_its_class(code: int, reason: str, wanted: type[ApiError]) -> None:
    error = refused("create Pod default/a", code, status(code, reason))
    assert type(error) is wanted
    assert (error.status, error.reason) == (code, reason)
    assert str(error) == f"Could not create Pod default/a: because (HTTP {code})"


def test_the_wait_is_taken_from_the_header_or_from_the_details() -> None:
    body = status(429, "TooManyRequests", details={"retryAfterSeconds": 7})
    assert refused("x", 429, body, "3").retry_after == 3
    assert refused("x", 429, body).retry_after == 7
    assert refused("x", 503, b"", "Fri, 02 Jan 2026 03:04:05 GMT").retry_after == 0


def test_what_is_no_status_object_is_quoted() -> None:
    assert str(refused("x", 502, b"<html>Bad Gateway</html>\n")) == "Could not x: <html>Bad Gateway</html> (HTTP 502)"
    assert str(refused("x", 502, b"")) == "Could not x: the API server gave no reason (HTTP 502)"
    assert len(str(refused("x", 502, b"\xff" * 9999))) < 400


def test_no_answer_names_the_server() -> None:
    error = unreachable("list pods", "https://127.0.0.1:6443", TimeoutError())
    assert str(error) == "Could not list pods: the API server at https://127.0.0.1:6443 does not answer (TimeoutError)"
    assert error.status == 0


def test_the_error_of_a_watch_is_typed_too() -> None:
    assert type(watch_failed("watch pods", json.loads(status(410, "Expired")))) is Gone
