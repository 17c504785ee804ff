"""ConfigMaps and Secrets: what they may hold, and that `immutable: true` seals them.

Sources: kubernetes pkg/apis/core/validation/validation.go, pkg/registry/core/secret, pkg/apis/core/v1/conversion.go.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from footplate_local.apiserver.errors import FieldError, field_forbidden, invalid_value, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.kinds.registry import Strategy

JSON = dict[str, Any]
LARGEST = 1024 * 1024
_SEALED = "field is immutable when `immutable` is set"
_ACCOUNT = "kubernetes.io/service-account.name"
_DOCKER_FILES = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}


class ConfigMapStrategy(Strategy):
    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
        found = list(_seal_errors(obj, old, ("data", "binaryData")))
        for part, values in (("data", data), ("binaryData", binary)):
            for key in values:
                found += checks.by(checks.data_key, key, f"{part}[{key}]")
                if part == "data" and key in binary:
                    found.append(invalid_value(f"{part}[{key}]", key, "duplicate of key present in binaryData"))
        if sum(len(text.encode()) for text in data.values()) + sum(map(_size, binary.values())) > LARGEST:
            found.append(checks.too_long("", LARGEST))
        return found


class SecretStrategy(Strategy):
    def prepare(self, obj: JSON, old: JSON | None) -> None:
        for key, text in (obj.pop("stringData", None) or {}).items():
            obj.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()
        obj.setdefault("type", "Opaque")

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        data = obj.get("data") or {}
        found: list[FieldError] = []
        if old is not None:
            found += checks.unchanged(obj["type"], old.get("type", ""), "type")
        found += _seal_errors(obj, old, ("data",))
        for key in data:
            found += checks.by(checks.data_key, key, f"data[{key}]")
        if sum(map(_size, data.values())) > LARGEST:
            found.append(checks.too_long("data", LARGEST))
        return found + list(_type_errors(obj, data))

    def field_values(self, obj: JSON) -> dict[str, str]:
        return {"type": obj.get("type", "")}


def _size(encoded: str) -> int:
    """How many bytes a text of base64 stands for."""
    return len(encoded) * 3 // 4 - encoded[-2:].count("=")


def _seal_errors(obj: JSON, old: JSON | None, parts: tuple[str, ...]) -> Errors:
    if old is None or not old.get("immutable"):
        return
    if not obj.get("immutable"):
        yield field_forbidden("immutable", _SEALED)
    for part in parts:
        if (obj.get(part) or {}) != (old.get(part) or {}):
            yield field_forbidden(part, _SEALED)


def _type_errors(secret: JSON, data: JSON) -> Errors:
    """What the type of a secret asks for. Some of the paths read oddly: they are kube-apiserver's."""
    kind = secret["type"]
    match kind:
        case "kubernetes.io/service-account-token":
            if not (secret["metadata"].get("annotations") or {}).get(_ACCOUNT):
                yield required(f"metadata.annotations[{_ACCOUNT}]")
        case "kubernetes.io/dockercfg" | "kubernetes.io/dockerconfigjson":
            yield from _docker_errors(data, _DOCKER_FILES[kind])
        case "kubernetes.io/basic-auth":
            if not {"username", "password"} & data.keys():
                yield required("data[%s][username]")
                yield required("data[%s][password]")
        case "kubernetes.io/ssh-auth":
            if not data.get("ssh-privatekey"):
                yield required("data[%s][ssh-privatekey]")
        case "kubernetes.io/tls":
            for key in ("tls.crt", "tls.key"):
                if key not in data:
                    yield required(f"data[{key}]")


def _docker_errors(data: JSON, key: str) -> Errors:
    if key not in data:
        yield required(f"data[{key}]")
        return
    try:
        well_formed = isinstance(json.loads(base64.b64decode(data[key])), dict)
    except ValueError:
        well_formed = False
    if not well_formed:
        yield invalid_value(f"data[{key}]", "<secret contents redacted>", "it must be a JSON object")
