"""Strategic merge patches of built-in kinds, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from footplate_local.apiserver.errors import StatusError
from footplate_local.apiserver.patching.patches import json_patch, merge_patch, strategic_merge_patch

CONTAINERS = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}


@pytest.mark.parametrize(
    ("document", "patch", "wanted"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": None}}, {"a": {"y": 2}}),
        (
            CONTAINERS,
            {"containers": [{"name": "b", "image": "2"}]},
            {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]},
        ),
        (
            CONTAINERS,
            {"containers": [{"name": "a", "$patch": "delete"}]},
            {"containers": [{"name": "b", "image": "1"}]},
        ),
        (CONTAINERS, {"containers": [{"name": "c"}, {"$patch": "replace"}]}, {"containers": [{"name": "c"}]}),
        (
            CONTAINERS,
            {
                "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
                "containers": [{"name": "a", "image": "2"}],
            },
            {"containers": [{"name": "b", "image": "1"}, {"name": "a", "image": "2"}]},
        ),
        ({"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
        ({"finalizers": ["a"]}, {"finalizers": ["b"]}, {"finalizers": ["a", "b"]}),
        ({"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, {"finalizers": ["b"]}),
        ({"a": {"x": 1}}, {"a": {"$patch": "replace", "y": 2}}, {"a": {"y": 2}}),
        (
            {"emptyDir": {}, "name": "v"},
            {"$retainKeys": ["name", "hostPath"], "hostPath": {}},
            {"name": "v", "hostPath": {}},
        ),
        (
            {"conditions": [{"type": "Ready", "status": "False"}]},
            {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "True"}]},
            {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "True"}]},
        ),
    ],
)
def test_strategic(document: Any, patch: Any, wanted: Any) -> None:
    before = repr(document)
    assert strategic_merge_patch(document, patch) == wanted
    assert repr(document) == before


def test_a_merge_patch_does_not_keep_nulls_of_new_objects() -> None:
    assert merge_patch({}, {"a": {"b": None, "c": 1}}) == {"a": {"c": 1}}


def test_a_merge_by_key_needs_the_key() -> None:
    with pytest.raises(StatusError, match="an item of containers has no name"):
        strategic_merge_patch(CONTAINERS, {"containers": [{"image": "2"}]})


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ({"op": "add"}, 400),
        ([{"op": "jump", "path": "/a"}], 400),
        ([{"op": "test", "path": "/a", "value": 2}], 422),
        ([{"op": "remove", "path": "/b"}], 422),
        ([{"op": "replace", "path": "", "value": 3}], 400),
    ],
)
def test_a_json_patch_that_cannot_be_applied(operations: Any, code: int) -> None:
    with pytest.raises(StatusError) as refused:
        json_patch({"a": 1}, operations)
    assert refused.value.code == code
