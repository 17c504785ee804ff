"""Merging spec.podTemplate into a pod: maps by key, lists of named things by name, other lists appended. Pure.

The rule is that of Kubernetes' strategic merge patch for the lists of a pod, all of whose merge keys that matter
here are `name`, but for volumeMounts (`mountPath`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MERGE_KEYS = ("mountPath", "name")


def merge_template(pod: Mapping[str, Any], metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """`pod` with the user's additions; names and labels that Footplate finds its pods by stay ours."""
    merged = {**pod, "spec": _merge(pod["spec"], spec)}
    ours = pod["metadata"]
    merged["metadata"] = _merge(metadata, ours)
    return merged


def _merge(base: Any, over: Any) -> Any:
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        merged = dict(base)
        for key, value in over.items():
            merged[key] = _merge(base[key], value) if key in base else value
        return merged
    if isinstance(base, list) and isinstance(over, list):
        return _merge_lists(base, over)
    return over


def _merge_lists(base: Sequence[Any], over: Sequence[Any]) -> list[Any]:
    key = next((k for k in MERGE_KEYS if _all_have(base, k) and _all_have(over, k)), None)
    if key is None:
        return [*base, *(item for item in over if item not in base)]
    patches = {item[key]: item for item in over}
    merged = [_merge(item, patches.pop(item[key])) if item[key] in patches else item for item in base]
    return [*merged, *patches.values()]


def _all_have(items: Sequence[Any], key: str) -> bool:
    return all(isinstance(item, Mapping) and key in item for item in items)
