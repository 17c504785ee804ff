"""Fields that a body has twice: the last one counts, and who asked for strictness is told.

Sources: sigs.k8s.io/json (UnmarshalStrict), sigs.k8s.io/yaml (UnmarshalStrict) and apiserver
pkg/endpoints/handlers/patch.go; the sentences are theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from footplate_local.apiserver.http import bodies
from footplate_local.apiserver.http.negotiation import PROTOBUF_TYPE
from footplate_local.apiserver.patching.patches import JSON_PATCH

_OPERATION = ("op", "path", "from", "value")


def problems(raw: bytes, media: str) -> list[str]:
    """What is wrong with a readable body, as sentences."""
    if media == PROTOBUF_TYPE or not raw.strip():
        return []
    if media.endswith("yaml"):
        return _in_yaml(raw)
    found = [f'duplicate field "{path}"' for path in _in_json(raw)]
    if media != JSON_PATCH:
        return found
    return [f"json patch {text}" for text in (*found, *_unknown_in_operations(bodies.from_json(raw)))]


def _in_json(raw: bytes) -> list[str]:
    repeated: list[tuple[Any, list[str]]] = []

    def remember(pairs: list[tuple[str, Any]]) -> Any:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            repeated.append((found, [name for name in found if names.count(name) > 1]))
        return found

    whole = json.loads(raw.decode(errors="replace"), object_pairs_hook=remember, parse_int=str, parse_float=str)
    if not repeated:
        return []
    return list(_paths(whole, {id(found): names for found, names in repeated}, ""))


def _paths(value: Any, repeated: dict[int, list[str]], path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in repeated.get(id(value), ()):
            yield f"{path}.{name}" if path else name
        for name, item in value.items():
            yield from _paths(item, repeated, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, repeated, f"{path}[{index}]")


def _unknown_in_operations(patch: Any) -> Iterator[str]:
    for index, operation in enumerate(patch if isinstance(patch, list) else ()):
        for name in operation if isinstance(operation, dict) else ():
            if name not in _OPERATION:
                yield f'unknown field "[{index}].{name}"'


def _in_yaml(raw: bytes) -> list[str]:
    """All of them in one sentence, as go-yaml has it."""
    lines = [f'  line {line}: key "{name}" already set in map' for line, name in bodies.repeated_keys(raw)]
    return ["\n".join(["yaml: unmarshal errors:", *lines])] if lines else []
