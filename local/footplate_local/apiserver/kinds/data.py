"""ConfigMaps and Secrets."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from footplate_local.apiserver import names
from footplate_local.apiserver.errors import FieldError, bad_request, field_forbidden, invalid_value
from footplate_local.apiserver.kinds.registry import Strategy

JSON = dict[str, Any]


class DataStrategy(Strategy):
    """ConfigMaps and Secrets: maps that `immutable: true` seals."""

    def __init__(self, *, secret: bool) -> None:
        self._secret = secret

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        for key in ("data", "binaryData", "stringData"):
            if not obj.get(key):
                obj.pop(key, None)
            elif not isinstance(obj[key], dict):
                raise bad_request(f"{obj['kind']}.{key} must be an object of strings")
        if self._secret:
            for key, value in (obj.pop("stringData", None) or {}).items():
                obj.setdefault("data", {})[key] = base64.b64encode(str(value).encode()).decode()
            obj.setdefault("type", "Opaque")
        for key in ("data", "binaryData"):
            for name, value in obj.get(key, {}).items():
                if not isinstance(value, str):
                    raise bad_request(f"{obj['kind']}.{key}.{name} must be a string, got {type(value).__name__}")
        self._check_base64(obj)

    def _check_base64(self, obj: JSON) -> None:
        for name, value in (obj.get("data" if self._secret else "binaryData") or {}).items():
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error as error:
                raise bad_request(f"{obj['kind']} {name}: illegal base64 data: {error}") from error

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        found = []
        for part in ("data", "binaryData"):
            for key in obj.get(part, {}):
                if not names.DATA_KEY.fullmatch(key) or key in (".", ".."):
                    found.append(
                        invalid_value(
                            f"{part}[{key}]",
                            key,
                            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                        )
                    )
        if old is not None and old.get("immutable"):
            sealed = "field is immutable when `immutable` is set"
            if not obj.get("immutable"):
                found.append(field_forbidden("immutable", sealed))
            found += [
                field_forbidden(part, sealed) for part in ("data", "binaryData") if obj.get(part) != old.get(part)
            ]
        return found

    def field_values(self, obj: JSON) -> dict[str, str]:
        return {"type": obj.get("type", "")} if self._secret else {}
