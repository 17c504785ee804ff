"""The errors of the API in kube-apiserver's words (apimachinery pkg/api/errors and pkg/util/validation/field)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

JSON = dict[str, Any]


class StatusError(Exception):
    """An answer that is a metav1.Status with status Failure; `code` is the HTTP status."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: JSON | None = None,
        headers: Mapping[str, str] | None = None,
        metadata: JSON | None = None,
    ) -> None:
        """`details` may be empty, which is shown; `retryAfterSeconds` in it becomes a Retry-After header, too.

        `metadata` is that of the Status: the token with which an expired list goes on.
        """
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata = metadata or {}
        self.headers = dict(headers or {})
        if seconds := (details or {}).get("retryAfterSeconds"):
            self.headers.setdefault("Retry-After", str(seconds))

    def body(self) -> JSON:
        status: JSON = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status


def object_details(group: str, kind: str, name: str) -> JSON:
    """`details` of a Status; empty parts are left out, as Go's omitempty does."""
    return {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value}


def qualified(group: str, resource: str) -> str:
    return f"{resource}.{group}" if group else resource


def not_found(group: str, plural: str, name: str) -> StatusError:
    return StatusError(
        404,
        "NotFound",
        f'{qualified(group, plural)} "{name}" not found',
        details=object_details(group, plural, name),
    )


class PageNotFound(StatusError):
    """404 of a path that nothing of the API is at: kube-apiserver answers it in plain text."""

    TEXT = "404 page not found\n"

    def __init__(self) -> None:
        super().__init__(404, "NotFound", self.TEXT)


def unknown_path() -> StatusError:
    """404 of a path below a built-in group and version."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(group: str, plural: str, name: str, *, generated: bool = False) -> StatusError:
    """409. `generated`: the server made the name and may find another one when it is asked again."""
    text = f'{qualified(group, plural)} "{name}" already exists'
    details = object_details(group, plural, name)
    if generated:
        text += ", the server was not able to generate a unique name for the object"
        details["retryAfterSeconds"] = 1
    return StatusError(409, "AlreadyExists", text, details=details)


def conflict(group: str, plural: str, name: str, why: str) -> StatusError:
    return StatusError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}',
        details=object_details(group, plural, name),
    )


def forbidden(group: str, plural: str, name: str, why: str, causes: Sequence[JSON] = ()) -> StatusError:
    details = object_details(group, plural, name)
    if causes:
        details["causes"] = list(causes)
    what = f'{qualified(group, plural)} "{name}"' if name else qualified(group, plural)
    return StatusError(403, "Forbidden", f"{what} is forbidden: {why}", details=details)


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def undecodable(kind: str, version: str, why: str) -> StatusError:
    """400: the body cannot be read as an object of its kind."""
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')


def internal_error(message: str) -> StatusError:
    return StatusError(
        500, "InternalError", f"Internal error occurred: {message}", details={"causes": [{"message": message}]}
    )


def gone(message: str) -> StatusError:
    """410: the history needed for this answer is no longer kept; clients list again."""
    return StatusError(410, "Expired", message)


def too_old_to_continue(token: str) -> StatusError:
    """410: a paged list cannot go on as it was; `token` goes on with the objects as they are now."""
    return StatusError(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        metadata={"continue": token},
    )


def too_large_version(asked: int, current: int, *, retry_seconds: int = 1) -> StatusError:
    """504: a resourceVersion that is still to come (apiserver pkg/storage/errors.go)."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details: JSON = {"causes": [cause]}
    if retry_seconds:
        details["retryAfterSeconds"] = retry_seconds
    text = f"Timeout: Too large resource version: {asked}, current: {current}"
    return StatusError(504, "Timeout", text, details=details)


def method_not_allowed() -> StatusError:
    """405: the path is served, but not with this method."""
    text = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", text, details={})


def not_supported_on(group: str, plural: str, action: str) -> StatusError:
    """405 as custom kinds answer it."""
    text = f'{action} is not supported on resources of kind "{qualified(group, plural)}"'
    return StatusError(405, "MethodNotAllowed", text, details=object_details(group, plural, ""))


def not_acceptable(message: str) -> StatusError:
    return StatusError(406, "NotAcceptable", message)


def too_large(message: str) -> StatusError:
    return StatusError(413, "RequestEntityTooLarge", f"Request entity too large: {message}")


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    return StatusError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted),
    )


_WORDS = {
    "FieldValueNotFound": "Not found",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueInvalid": "Invalid value",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueTooLong": "Too long",
    "FieldValueTooMany": "Too many",
    "FieldValueTypeInvalid": "Invalid value",
}
_WITHOUT_VALUE = {"FieldValueRequired", "FieldValueForbidden", "FieldValueTooLong"}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One reason why a field is not accepted (field.Error). `reason` is a key of the words above."""

    reason: str
    path: str
    value: Any = None
    detail: str = ""

    def text(self) -> str:
        """Without the path, as it stands in a cause: `Invalid value: 11: spec.replicas in body should …`."""
        words = _WORDS[self.reason]
        if self.reason not in _WITHOUT_VALUE:
            words += ": " + _shown(self.value)
        return f"{words}: {self.detail}" if self.detail else words

    def cause(self) -> JSON:
        return {"reason": self.reason, "message": self.text(), "field": self.path}


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def required(path: str, detail: str = "") -> FieldError:
    return FieldError("FieldValueRequired", path, detail=detail)


def invalid_value(path: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", path, value, detail)


def type_invalid(path: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueTypeInvalid", path, value, detail)


def not_supported(path: str, value: Any, supported: Sequence[Any]) -> FieldError:
    shown = ", ".join(_shown(item) for item in supported)
    return FieldError("FieldValueNotSupported", path, value, f"supported values: {shown}")


def field_forbidden(path: str, detail: str) -> FieldError:
    return FieldError("FieldValueForbidden", path, detail=detail)


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an error speaks of."""

    group: str
    kind: str
    name: str = field(default="")

    def invalid(self, errors: Sequence[FieldError]) -> StatusError:
        """422 with a cause for every error and the sentence that kubectl prints."""
        texts = list(dict.fromkeys(f"{error.path}: {error.text()}" for error in errors))
        reasons = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
        details = object_details(self.group, self.kind, self.name)
        details["causes"] = [error.cause() for error in errors]
        return StatusError(
            422,
            "Invalid",
            f'{qualified(self.group, self.kind)} "{self.name}" is invalid: {reasons}',
            details=details,
        )
