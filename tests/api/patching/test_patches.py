"""JSON, merge and strategic merge patches, case by case."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from footplate_local.apiserver.errors import StatusError
from footplate_local.apiserver.kinds import builtin_schemas
from footplate_local.apiserver.patching.patches import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, on_any

JSON = dict[str, Any]
POD = builtin_schemas.schema_of("", "v1", "Pod")
SPEC, CONTAINER = POD["properties"]["spec"], POD["properties"]["spec"]["properties"]["containers"]["items"]
CONTAINERS = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}


def patched(media: str, document: Any, patch: Any, schema: JSON | None = None) -> Any:
    """The document after a patch, which must not change it."""
    before, patch_before = copy.deepcopy(document), copy.deepcopy(patch)
    result = on_any(media, patch, schema)(document)
    assert (document, patch) == (before, patch_before)
    return result


@pytest.mark.parametrize(
    ("schema", "document", "patch", "wanted"),
    [
        (SPEC, {"nodeName": "a"}, {"hostname": "b"}, {"nodeName": "a", "hostname": "b"}),
        (SPEC, {"nodeSelector": {"x": "1", "y": "2"}}, {"nodeSelector": {"x": None}}, {"nodeSelector": {"y": "2"}}),
        (
            SPEC,
            CONTAINERS,
            {"containers": [{"name": "b", "image": "2"}]},
            {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]},
        ),
        (
            SPEC,
            CONTAINERS,
            {"containers": [{"name": "a", "$patch": "delete"}]},
            {"containers": [{"name": "b", "image": "1"}]},
        ),
        (SPEC, CONTAINERS, {"containers": [{"name": "c"}, {"$patch": "replace"}]}, {"containers": [{"name": "c"}]}),
        (SPEC, CONTAINERS, {"containers": [{"$patch": "replace"}]}, {"containers": []}),
        (SPEC, CONTAINERS, {"$patch": "delete"}, {}),
        (
            SPEC,
            CONTAINERS,
            {
                "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
                "containers": [{"name": "a", "image": "2"}],
            },
            {"containers": [{"name": "b", "image": "1"}, {"name": "a", "image": "2"}]},
        ),
        # what only the server has stays where it was among its neighbours
        (
            SPEC,
            {"containers": [{"name": name} for name in ("a", "sidecar", "b")]},
            {
                "$setElementOrder/containers": [{"name": name} for name in ("a", "new", "b")],
                "containers": [{"name": "new"}],
            },
            {"containers": [{"name": name} for name in ("a", "new", "sidecar", "b")]},
        ),
        # new items come first when the patch does not ask for an order
        (
            SPEC,
            CONTAINERS,
            {"containers": [{"name": "c"}]},
            {"containers": [{"name": "c"}, {"name": "a", "image": "1"}, {"name": "b", "image": "1"}]},
        ),
        (
            SPEC,
            {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "1"}]}]},
            {"containers": [{"name": "a", "env": [{"name": "X", "$patch": "delete"}, {"name": "Y", "value": "2"}]}]},
            {"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}]},
        ),
        # ports are merged by containerPort alone, whatever tells them apart in server-side apply
        (
            CONTAINER,
            {"ports": [{"containerPort": 80, "protocol": "TCP"}]},
            {"ports": [{"containerPort": 80, "name": "web"}]},
            {"ports": [{"containerPort": 80, "protocol": "TCP", "name": "web"}]},
        ),
        (CONTAINER, {"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
        (SPEC, {"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
        (
            POD,
            {"metadata": {"finalizers": ["a"]}},
            {"metadata": {"finalizers": ["b"]}},
            {"metadata": {"finalizers": ["b", "a"]}},
        ),
        (
            POD,
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}},
            {"metadata": {"finalizers": ["b"]}},
        ),
        (
            POD,
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"$setElementOrder/finalizers": ["c", "b"], "finalizers": ["c"]}},
            {"metadata": {"finalizers": ["c", "a", "b"]}},
        ),
        (POD, {"metadata": {"labels": {"x": "1"}}}, {"metadata": {"labels": {"$patch": "replace", "y": "2"}}},
         {"metadata": {"labels": {"y": "2"}}}),
        # a volume becomes one of another type: what it was is not kept
        (
            SPEC,
            {"volumes": [{"name": "v", "emptyDir": {}}]},
            {"volumes": [{"$retainKeys": ["name", "hostPath"], "name": "v", "hostPath": {"path": "/x"}}]},
            {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]},
        ),
        (
            POD,
            {"status": {"conditions": [{"type": "Ready", "status": "False"}]}},
            {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
            {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
        ),
        # what is new has no nulls and no directives
        (SPEC, {}, {"securityContext": {"runAsUser": 1, "runAsGroup": None}}, {"securityContext": {"runAsUser": 1}}),
        (SPEC, {}, {"containers": [{"name": "a", "$patch": "delete"}, {"name": "b"}]}, {"containers": [{"name": "b"}]}),
    ],
)  # fmt: skip
def test_strategic(schema: JSON, document: Any, patch: Any, wanted: Any) -> None:
    assert patched(STRATEGIC_PATCH, document, patch, schema) == wanted


@pytest.mark.parametrize(
    ("schema", "patch", "code", "text"),
    [
        (SPEC, {"containers": [{"image": "2"}]}, 400, "does not contain declared merge key: name"),
        (SPEC, {"containers": [{"$patch": "delete"}]}, 400, "does not contain declared merge key: name"),
        (SPEC, {"containers": ["a"]}, 400, "list element types are not identical"),
        (SPEC, {"containers": [[]]}, 422, "the server rejected our request"),
        (SPEC, {"containers": [{"name": "a", "$patch": "jump"}]}, 400, "unknown patch type: jump"),
        (SPEC, {"$patch": "jump"}, 400, "unknown patch type: jump"),
        (SPEC, {"$retainKeys": ["x"], "hostname": "b"}, 400, "invalid patch format of retainKeys"),
        (SPEC, {"$setElementOrder/containers": "a"}, 400, "invalid patch format of setElementOrder list"),
        (
            SPEC,
            {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]},
            400,
            "The order in patch list",
        ),
        (SPEC, [1], 400, "error decoding patch: json: cannot unmarshal array"),
        (SPEC, None, 400, "error decoding patch"),
    ],
)
def test_a_strategic_patch_that_makes_no_sense(schema: JSON, patch: Any, code: int, text: str) -> None:
    with pytest.raises(StatusError, match=text) as refused:
        patched(STRATEGIC_PATCH, CONTAINERS, patch, schema)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("document", "patch", "wanted"),
    [
        ({}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ({"a": 1}, {"a": {"b": None, "c": [{"d": None}, None]}}, {"a": {"c": [{}, None]}}),
        ({"a": {"b": 1}}, {"a": [{"c": None}]}, {"a": [{"c": None}]}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": {"b": 1}}, {"a": None, "x": None}, {}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    ],
)
def test_merge(document: Any, patch: Any, wanted: Any) -> None:
    assert patched(MERGE_PATCH, document, patch) == wanted


@pytest.mark.parametrize("patch", [[], "x", 1, None])
def test_a_merge_patch_must_be_an_object(patch: Any) -> None:
    with pytest.raises(StatusError) as refused:
        patched(MERGE_PATCH, {}, patch)
    assert refused.value.code == 400


DOCUMENT = {"a": 1, "l": [1, 2, 3], "o": {"x": {"y": 1}}, "s/t": 1, "m~n": 2}


def operation(kind: str, path: str, **more: Any) -> JSON:
    return {"op": kind, "path": path, **more}


@pytest.mark.parametrize(
    ("operations", "wanted"),
    [
        ([operation("add", "/b", value=2)], {"b": 2}),
        ([operation("add", "/b")], {"b": None}),
        ([operation("add", "/l/-", value=4)], {"l": [1, 2, 3, 4]}),
        ([operation("add", "/l/0", value=0)], {"l": [0, 1, 2, 3]}),
        ([operation("add", "/l/3", value=4)], {"l": [1, 2, 3, 4]}),
        ([operation("add", "/l/-1", value=4)], {"l": [1, 2, 3, 4]}),
        ([operation("replace", "/l/-1", value=4)], {"l": [1, 2, 4]}),
        ([operation("remove", "/l/-2")], {"l": [1, 3]}),
        ([operation("replace", "/a", value=2)], {"a": 2}),
        ([operation("replace", "/new", value=2)], {"new": 2}),
        ([operation("replace", "", value=3)], {}),
        ([operation("remove", "/s~1t"), operation("replace", "/m~0n", value=3)], {"s/t": None, "m~n": 3}),
        ([{"op": "move", "from": "/a", "path": "/o/a"}], {"a": None, "o": {"x": {"y": 1}, "a": 1}}),
        ([{"op": "copy", "from": "/o", "path": "/p"}, operation("remove", "/o/x")], {"o": {}, "p": {"x": {"y": 1}}}),
        ([{"op": "copy", "from": "/nothing", "path": "/p"}], {"p": None}),
        ([operation("test", "/o", value={"x": {"y": 1}})], {}),
        ([operation("test", "/nothing", value=None)], {}),
        ([operation("test", "/nothing")], {}),
        ([], {}),
    ],
)
def test_json(operations: Any, wanted: JSON) -> None:
    result = patched(JSON_PATCH, DOCUMENT, operations)
    both = {**DOCUMENT, **wanted}
    assert {key: value for key, value in result.items() if value is not None} == {
        key: value for key, value in both.items() if value is not None
    }


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ({"op": "add"}, 400),
        (None, 400),
        ([1], 400),
        ([operation("add", "/b", **{"from": 1})], 400),
        ([{"op": 1, "path": "/a"}], 400),
        ([operation("jump", "/a")], 422),
        ([{"op": "add"}], 422),
        ([{}], 422),
        ([None], 422),
        ([operation("test", "/a", value=2)], 422),
        ([operation("test", "/a", value=1.0)], 422),
        ([operation("test", "/a", value=True)], 422),
        ([operation("test", "/a", value=None)], 422),
        ([operation("remove", "/b")], 422),
        ([operation("remove", "/l/3")], 422),
        ([operation("add", "/l/4", value=1)], 422),
        ([operation("add", "/l/x", value=1)], 422),
        ([operation("add", "/l/1_0", value=1)], 422),
        ([operation("replace", "/l/3", value=1)], 422),
        ([operation("add", "/x/y", value=1)], 422),
        ([operation("add", "/a/b", value=1)], 422),
        ([operation("add", "", value={})], 422),
        ([operation("add", "noslash", value={})], 422),
        ([{"op": "move", "from": "/o", "path": "/o/x/z"}], 422),
        ([{"op": "move", "path": "/o"}], 422),
        ([operation("replace", "", value=[])], 422),
        ([operation("test", "/a", value=1)] * 10_001, 413),
        (
            [operation("add", "/big", value="x" * 1_000_000)]
            + [{"op": "copy", "from": "/big", "path": f"/{i}"} for i in range(4)],
            422,
        ),
    ],
)
def test_a_json_patch_that_cannot_be_applied(operations: Any, code: int) -> None:
    with pytest.raises(StatusError) as refused:
        patched(JSON_PATCH, DOCUMENT, operations)
    assert refused.value.code == code
