"""Every error that Footplate raises on purpose. The message is one sentence a user can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class FootplateError(Exception):
    """The root of the tree."""


class InvalidSpec(FootplateError):
    """The object asks for something that can never work: no retry until it is changed.

    `reason` is a stable CamelCase word for a condition, `message` a sentence that says what to write instead.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Retry(FootplateError):
    """Not yet: look at the object again `after` so many seconds. Not a failure, so it never backs off."""

    def __init__(self, after: float, message: str) -> None:
        super().__init__(message)
        self.after = after
        self.message = message


class SettingsError(FootplateError):
    """The operator's settings cannot be used; the message names the file and the key."""


class NameTaken(FootplateError):
    """An object of the name we need exists and belongs to somebody else."""


class NoCluster(FootplateError):
    """There is no usable kubeconfig, or its credentials cannot be read."""


class ApiError(FootplateError):
    """The API server refused or could not be reached (Kubernetes: API conventions, Status).

    `status` is the HTTP code, 0 when there was no answer; `reason` and `details` are those of the Status object;
    `retry_after` is how many seconds the API server asks us to wait, 0 when it does not say.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason
        self.details = dict(details or {})
        self.retry_after = retry_after


class Unauthorized(ApiError):
    """401: the credentials are missing, wrong or expired."""


class Forbidden(ApiError):
    """403: the credentials are good and may not do this."""


class NotFound(ApiError):
    """404: no such object, or no such kind of object."""


class AlreadyExists(ApiError):
    """409 on a create: an object of this name exists."""


class Conflict(ApiError):
    """409 on a write: the object has changed since it was read."""


class Gone(ApiError):
    """410: the resource version or the continue token is too old; list again."""


class Invalid(ApiError):
    """400, 422: the request will never be accepted, its object cannot be read or does not fit its schema."""


class TooManyRequests(ApiError):
    """429: the API server asks us to slow down, `retry_after` seconds."""


class Unavailable(ApiError):
    """5xx, or no answer at all."""
