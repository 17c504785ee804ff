"""Sets of fields: who owns what, and what a change touched.

A set holds paths; a path in it says nothing of the paths below it. Source: sigs.k8s.io/structured-merge-diff
fieldpath/set.go and serialize.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from footplate_local.apiserver.patching.field_paths import Path, element_order, parsed

JSON = dict[str, Any]
FieldSet = frozenset[Path]
NOTHING: FieldSet = frozenset()


def tree(paths: Iterable[Path]) -> JSON:
    """A set as FieldsV1: nested objects; `.` marks a path that is in the set beside longer ones."""
    found: JSON = {}
    for path in paths:
        node = found
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _ordered(found)


def _ordered(node: JSON) -> JSON:
    elements = sorted((element for element in node if element != "."), key=element_order)
    if not elements:
        return {}
    own: JSON = {".": {}} if "." in node else {}
    return own | {element: _ordered(node[element]) for element in elements}


def holds(node: JSON) -> bool:
    """Whether the path that leads to a node of a tree is in the set itself."""
    return not node or "." in node


def parse(fields: Any) -> FieldSet:
    """The set that FieldsV1 mean. Raises ValueError."""
    return frozenset(_paths(fields, ()))


def _paths(node: Any, prefix: Path) -> Iterator[Path]:
    if not isinstance(node, dict):
        raise ValueError(f"fieldsV1 must be nested objects, got {type(node).__name__}")
    if prefix and holds(node):
        yield prefix
    for element, inner in node.items():
        if element != ".":
            yield from _paths(inner, (*prefix, parsed(element)))


def without_below(paths: FieldSet, roots: FieldSet) -> FieldSet:
    """A set without some paths and everything below them."""
    if not roots:
        return paths
    return frozenset(path for path in paths if not any(path[:depth] in roots for depth in range(1, len(path) + 1)))
