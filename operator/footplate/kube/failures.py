"""From an answer of the API server, or none, to a typed error with a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

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

BY_STATUS: Mapping[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}
TEXT_LIMIT = 300  # of an answer that is no Status: a proxy's HTML, say


def refused(action: str, status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """An answer that is not 2xx. `action` completes "could not …", e.g. "create Pod default/digits"."""
    said = _status_object(body)
    reason = str(said.get("reason") or "")
    message = str(said.get("message") or "") or body[:TEXT_LIMIT].decode(errors="replace").strip()
    error: type[ApiError]
    if status == 409 and reason == "AlreadyExists":
        error = AlreadyExists
    elif status >= 500:
        error = Unavailable
    else:
        error = BY_STATUS.get(status, ApiError)
    details = said.get("details") or {}
    return error(
        f"Could not {action}: {message or 'the API server gave no reason'} (HTTP {status})",
        status=status,
        reason=reason,
        details=details,
        retry_after=_seconds(retry_after) or _seconds(details.get("retryAfterSeconds")),
    )


def unreachable(action: str, server: str, cause: BaseException) -> Unavailable:
    """No answer, or one that broke off."""
    why = str(cause) or type(cause).__name__
    return Unavailable(
        f"Could not {action}: the API server at {server} does not answer ({why})", reason="ConnectionFailed"
    )


def watch_failed(action: str, status_object: Mapping[str, Any]) -> ApiError:
    """An ERROR event of a watch, which carries a Status (Kubernetes: API concepts, Watch)."""
    code = int(status_object.get("code") or 500)
    return refused(action, code, json.dumps(dict(status_object)).encode())


def _status_object(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) and parsed.get("kind") == "Status" else {}


def _seconds(value: object) -> float:
    """Retry-After in seconds; the form with a date is not used by API servers and counts as absent."""
    try:
        return max(0.0, float(str(value)))
    except ValueError:
        return 0.0
