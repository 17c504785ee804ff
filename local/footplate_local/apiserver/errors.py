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
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = dict(headers or {})

    def body(self) -> JSON:
        status: JSON = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details:
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


def unknown_path() -> StatusError:
    return StatusError(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(group: str, plural: str, name: str) -> StatusError:
    return StatusError(
        409,
        "AlreadyExists",
        f'{qualified(group, plural)} "{name}" already exists',
        details=object_details(group, plural, name),
    )


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
    return StatusError(403, "Forbidden", f'{qualified(group, plural)} "{name}" is forbidden: {why}', details=details)


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def undecodable(kind: str, version: str, why: str) -> StatusError:
    """400: the body cannot be read as an object of its kind."""
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')


def gone(message: str) -> StatusError:
    """410: the history needed for this answer is no longer kept; clients list again."""
    return StatusError(410, "Expired", message)


def method_not_allowed(method: str) -> StatusError:
    return StatusError(
        405, "MethodNotAllowed", f"the server does not allow {method} on the requested resource", details={}
    )


def unsupported_media_type(message: str) -> StatusError:
    return StatusError(415, "UnsupportedMediaType", message)


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
