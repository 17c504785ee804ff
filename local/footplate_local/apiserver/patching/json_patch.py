"""JSON patches (RFC 6902) as github.com/evanphx/json-patch v4 applies them in kube-apiserver.

It is kinder than the RFC: `replace` sets a field that is not there, a missing value is null, indices may be negative,
`test` with null holds for what is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.patching.field_paths import go_json

JSON = dict[str, Any]
LARGEST_COPIES = 3 * 1024 * 1024
"""Bytes that all `copy` operations of a patch may add."""
_INDEX = re.compile(r"[+-]?[0-9]+\Z")
_MISSING: Any = object()


class PatchFailed(Exception):
    """An operation does not apply; the text says which and why."""


def json_patch(document: Any, operations: list[Any]) -> Any:
    """The document after a patch; neither argument is changed. Raises PatchFailed."""
    patching = _Patching(copied(document))
    for operation in operations:
        patching.apply(operation if isinstance(operation, dict) else {})
    return patching.document


class _Patching:
    def __init__(self, document: Any) -> None:
        self.document = document
        self._copied = 0

    def apply(self, operation: JSON) -> None:
        known: dict[Any, Callable[[JSON], None]] = {
            "add": self._add,
            "remove": self._remove,
            "replace": self._replace,
            "move": self._move,
            "copy": self._copy,
            "test": self._test,
        }
        kind = operation.get("op")
        if not isinstance(kind, str) or kind not in known:
            raise PatchFailed(f"Unexpected kind: {kind if isinstance(kind, str) else 'unknown'}")
        known[kind](operation)

    def _add(self, operation: JSON) -> None:
        self._put(_path(operation, "path"), copied(operation.get("value")))

    def _remove(self, operation: JSON) -> None:
        _delete(*self._place(_path(operation, "path")))

    def _replace(self, operation: JSON) -> None:
        path, value = _path(operation, "path"), copied(operation.get("value"))
        if path == "":
            if isinstance(value, dict | list):  # anything else is passed over, as evanphx/json-patch does
                self.document = value
            return
        container, key = self._place(path)
        if isinstance(container, list):
            container[_index(key, len(container))] = value
        else:
            container[key] = value

    def _move(self, operation: JSON) -> None:
        container, key = self._place(_path(operation, "from"))
        value = _get(container, key)
        _delete(container, key)
        self._put(_path(operation, "path"), value)

    def _copy(self, operation: JSON) -> None:
        value = _get(*self._place(_path(operation, "from")))
        value = None if value is _MISSING else copied(value)
        self._copied += len(go_json(value).encode())
        if self._copied > LARGEST_COPIES:
            raise PatchFailed(
                f"Unable to complete the copy, the accumulated size increase of copy is {self._copied}, exceeding the "
                f"limit {LARGEST_COPIES}"
            )
        self._put(_path(operation, "path"), value)

    def _test(self, operation: JSON) -> None:
        path, wanted = _path(operation, "path"), operation.get("value")
        found = self.document if path == "" else _get(*self._place(path))
        if not _equal(None if found is _MISSING else found, wanted):
            raise PatchFailed(f"testing value {path} failed: test failed")

    def _put(self, path: str, value: Any) -> None:
        container, key = self._place(path)
        if isinstance(container, dict):
            container[key] = value
        elif key == "-":
            container.append(value)
        else:
            container.insert(_index(key, len(container) + 1), value)

    def _place(self, path: str) -> tuple[Any, str]:
        """The object or list that holds what a path leads to, and the key in it."""
        _, *parts = path.split("/")
        container = self.document if parts else None
        for part in parts[:-1]:
            container = _get(container, _decoded(part))
            if not isinstance(container, dict | list):
                container = None
                break
        if container is None:
            raise PatchFailed(f'doc is missing path: "{path}": missing value')
        return container, _decoded(parts[-1])


def _path(operation: JSON, name: str) -> str:
    path = operation.get(name)
    if not isinstance(path, str):
        raise PatchFailed(f"operation missing {name} field: missing value")
    return path


def _decoded(part: str) -> str:
    return re.sub("~[01]", lambda found: "/" if found[0] == "~1" else "~", part)


def _index(key: str, length: int) -> int:
    """The position that a key names in a list; negative ones count from the end. Raises PatchFailed."""
    if not _INDEX.match(key) or len(key) > 18:
        raise PatchFailed(f"value was not a proper array index: '{key}'")
    index = int(key)
    if not -length <= index < length:
        raise PatchFailed(f"Unable to access invalid index: {index}: invalid index referenced")
    return index + length if index < 0 else index


def _get(container: Any, key: str) -> Any:
    if isinstance(container, list):
        return container[_index(key, len(container))]
    return container.get(key, _MISSING)


def _delete(container: Any, key: str) -> None:
    if isinstance(container, list):
        del container[_index(key, len(container))]
    elif key not in container:
        raise PatchFailed(f"Unable to remove nonexistent key: {key}: missing value")
    else:
        del container[key]


def _equal(one: Any, other: Any) -> bool:
    """Equality of JSON texts: 1 is not 1.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return type(one) is type(other) and bool(one == other)
