"""Merge patches (RFC 7386) as github.com/evanphx/json-patch v4 applies them."""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]


def merge_patch(document: JSON, patch: JSON) -> JSON:
    """The document after a patch; neither argument is changed, and the result shares parts with them."""
    result = dict(document)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(current := result.get(key), dict):
            result[key] = merge_patch(current, value) if isinstance(value, dict) else value
        else:
            result[key] = _without_nulls(value)
    return result


def _without_nulls(value: Any) -> Any:
    """A value that is new: nulls in it would say to remove what is not there."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
