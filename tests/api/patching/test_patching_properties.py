"""What holds for any object and any patch or series of applies."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from apply_story import THING, Story
from hypothesis import given, settings
from hypothesis import strategies as st

from footplate_local.apiserver.errors import StatusError
from footplate_local.apiserver.kinds import builtin_schemas
from footplate_local.apiserver.patching import managed_fields, ownership
from footplate_local.apiserver.patching.comparing import compare, fields_of
from footplate_local.apiserver.patching.field_sets import parse, tree
from footplate_local.apiserver.patching.merging import merge, with_named_fields
from footplate_local.apiserver.patching.patches import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, on_any
from footplate_local.apiserver.patching.versions import shape_of

JSON = dict[str, Any]
PODS = builtin_schemas.schema_of("", "v1", "Pod")["properties"]["spec"]
SHAPE = shape_of(THING)

WORDS = st.sampled_from(["a", "b", "c", "d"])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | WORDS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))
DOCUMENTS = st.dictionaries(WORDS, VALUES, max_size=4)


def unique(items: st.SearchStrategy[Any], by: Callable[[Any], Any]) -> st.SearchStrategy[list[Any]]:
    """Lists of items that differ; an empty one would own nothing, and so break the rules below."""
    return st.lists(items, min_size=1, max_size=4, unique_by=by)


ITEMS = unique(
    st.fixed_dictionaries({"name": WORDS}, optional={"value": st.integers(0, 2)}), by=lambda item: item["name"]
)
PORTS = unique(
    st.fixed_dictionaries({"port": st.integers(1, 2)}, optional={"protocol": st.sampled_from(["TCP", "UDP"])}),
    by=lambda item: (item["port"], item.get("protocol", "TCP")),
)
GROUPS = unique(
    st.fixed_dictionaries({"name": WORDS}, optional={"members": unique(WORDS, by=str)}), by=lambda item: item["name"]
)
FREE = st.recursive(
    WORDS | st.integers(0, 2),
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(WORDS, inner, min_size=1, max_size=2),
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "image": WORDS,
        "replicas": st.integers(0, 2),
        "labels": st.dictionaries(WORDS, WORDS, min_size=1, max_size=3),
        "sealed": st.dictionaries(WORDS, WORDS, max_size=2),
        "words": st.lists(WORDS, max_size=2),
        "set": unique(WORDS, by=str),
        "items": ITEMS,
        "ports": PORTS,
        "groups": GROUPS,
        "free": st.dictionaries(WORDS, FREE, min_size=1, max_size=2),
    },
).filter(bool)
CONTAINERS = unique(
    st.fixed_dictionaries(
        {"name": WORDS},
        optional={
            "image": WORDS,
            "args": st.lists(WORDS, max_size=2),
            "env": unique(st.fixed_dictionaries({"name": WORDS, "value": WORDS}), by=lambda item: item["name"]),
        },
    ),
    by=lambda item: item["name"],
)
POD_SPECS = st.fixed_dictionaries(
    {"containers": CONTAINERS}, optional={"hostname": WORDS, "nodeSelector": st.dictionaries(WORDS, WORDS, max_size=3)}
)
POINTERS = st.lists(WORDS | st.sampled_from(["0", "-", "-1", "x~1y"]), max_size=3).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)
OPERATIONS = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": POINTERS},
        optional={"value": VALUES, "from": POINTERS},
    ),
    max_size=4,
)


def thing(spec: JSON) -> JSON:
    return {"apiVersion": THING.api_version, "kind": "Thing", "metadata": {"name": "a"}, "spec": spec}


def check_owners(story: Story) -> None:
    """Each owned path is there, and what is stored of the owners is what they own."""
    assert story.live is not None
    there = with_named_fields(fields_of(story.live, SHAPE), SHAPE)
    for entry in story.entries():
        assert entry.fields
        assert parse(tree(entry.fields)) == entry.fields
        assert not {path for path in entry.fields - there if not _is_left_over(story.live, path)}


def _is_left_over(obj: Any, path: tuple[str, ...]) -> bool:
    """Null is what a removal leaves of a list or an object that has an owner itself; it owns nothing."""
    for element in path:
        obj = obj.get(element[2:]) if isinstance(obj, dict) and element.startswith("f:") else None
    return obj is None


@settings(max_examples=50, deadline=None)
@given(SPECS)
def test_applying_twice_is_applying_once(spec: JSON) -> None:
    story = Story()
    story.apply("one", spec)
    before = copy.deepcopy(story.live)
    story.apply("one", spec)
    assert story.live == before
    check_owners(story)


@settings(max_examples=50, deadline=None)
@given(SPECS, SPECS)
def test_who_forces_owns_what_it_applies_and_gets_its_values(first: JSON, second: JSON) -> None:
    story = Story()
    story.apply("one", first)
    story.apply("two", second, force=True)
    check_owners(story)
    applied = fields_of(thing(second), SHAPE)
    assert story.live is not None
    differs = compare(story.live, merge(story.live, thing(second), SHAPE), SHAPE)
    assert not differs.added | differs.modified | differs.removed
    owners = {entry.manager: entry.fields for entry in story.entries()}
    assert owners.get("two", frozenset()) == applied - {("f:apiVersion",), ("f:kind",), ("f:metadata", "f:name")}


@settings(max_examples=50, deadline=None)
@given(SPECS, SPECS)
def test_without_conflicts_the_order_of_appliers_decides_only_the_order_of_lists(first: JSON, second: JSON) -> None:
    one, other = Story(), Story()
    one.apply("one", first)
    other.apply("two", second)
    try:
        one.apply("two", second)
        other.apply("one", first)
    except ownership.Conflicts:
        return
    assert one.live is not None
    assert other.live is not None
    before, after = ({**story.live, "metadata": {}} for story in (one, other) if story.live)
    differs = compare(before, after, SHAPE)
    assert not differs.added | differs.modified | differs.removed
    assert one.owned() == other.owned()


@settings(max_examples=50, deadline=None)
@given(SPECS, SPECS)
def test_what_only_one_owned_goes_with_it(first: JSON, second: JSON) -> None:
    story, alone = Story(), Story()
    story.apply("one", first)
    story.apply("two", second, force=True)
    story.apply("one")
    alone.apply("two", second)
    check_owners(story)
    assert story.owned() == alone.owned()
    assert _without_left_over(story.spec) == _without_left_over(alone.spec)


def _without_left_over(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_left_over(item) for key, item in value.items() if item is not None}
    return [_without_left_over(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), SPECS, st.booleans()), min_size=1, max_size=5))
def test_owners_own_what_is_there_after_any_writes(writes: list[tuple[str, JSON, bool]]) -> None:
    story = Story()
    for manager, spec, is_update in writes:
        if is_update:
            story.update(manager, copy.deepcopy(spec))
        else:
            story.apply(manager, spec, force=True)
        check_owners(story)


@settings(max_examples=50, deadline=None)
@given(SPECS, SPECS)
def test_an_update_is_owned_by_who_made_it(first: JSON, second: JSON) -> None:
    story = Story()
    story.update("one", first)
    story.update("two", second)
    changes = compare(thing(first), thing(second), SHAPE)
    owners = {entry.manager: entry.fields for entry in story.entries()}
    assert owners.get("two", frozenset()) == changes.added | changes.modified
    assert not owners.get("one", frozenset()) & (changes.added | changes.modified | changes.removed)
    assert managed_fields.decode([entry.encoded() for entry in story.entries()]) == {
        entry.identity: entry for entry in story.entries()
    }


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_a_merge_patch_sets_what_it_names(document: JSON, patch: JSON) -> None:
    before = copy.deepcopy((document, patch))
    result = on_any(MERGE_PATCH, patch)(document)
    assert (document, patch) == before
    assert {key: value for key, value in result.items() if key not in patch} == {
        key: value for key, value in document.items() if key not in patch
    }
    for key, value in patch.items():
        assert (key in result) == (value is not None)
        if not isinstance(value, dict | list):
            assert result.get(key) == value


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS, OPERATIONS)
def test_a_json_patch_applies_as_a_whole_or_is_refused(document: JSON, operations: list[JSON]) -> None:
    before = copy.deepcopy((document, operations))
    assert _code(JSON_PATCH, operations, document) in (200, 422)
    assert (document, operations) == before


def _code(media: str, patch: Any, document: JSON, schema: JSON | None = None) -> int:
    """The status that a patch gets."""
    try:
        patched = on_any(media, patch, schema)(document)
    except StatusError as error:
        return error.code
    assert isinstance(patched, dict)
    return 200


@settings(max_examples=60, deadline=None)
@given(POD_SPECS, POD_SPECS)
def test_a_strategic_patch_made_as_kubectl_makes_it_gives_the_wanted_object(old: JSON, new: JSON) -> None:
    patch = _difference(old, new)
    before = copy.deepcopy((old, patch))
    assert on_any(STRATEGIC_PATCH, patch, PODS)(old) == new
    assert (old, patch) == before


def _difference(old: JSON, new: JSON) -> JSON:
    """The patch that kubectl sends: by merge key, with the wanted order."""
    patch: JSON = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key in ("containers", "env") and key in old:
            patch[f"$setElementOrder/{key}"] = [{"name": item["name"]} for item in value]
            names = {item["name"]: item for item in old[key]}
            patch[key] = [_difference(names.get(item["name"], {}), item) | {"name": item["name"]} for item in value]
            wanted = {item["name"] for item in value}
            patch[key] += [{"name": name, "$patch": "delete"} for name in names if name not in wanted]
        elif isinstance(value, dict) and isinstance(old.get(key), dict):
            patch[key] = {**value, "$patch": "replace"}
        else:
            patch[key] = value
    return patch


DIRECTED = st.sampled_from(
    [*"abcd", "$patch", "$retainKeys", *(f"{name}/{word}" for name in ("$setElementOrder", "$deleteFromPrimitiveList")
                                         for word in "ab"), "$setElementOrder", "$deleteFromPrimitiveListb"]
)  # fmt: skip
DIRECTED_PATCHES = st.dictionaries(
    DIRECTED,
    st.recursive(
        SCALARS | st.sampled_from(["delete", "replace", "merge"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(DIRECTED, inner, max_size=3),
    ),
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, DIRECTED_PATCHES)
def test_any_strategic_patch_applies_or_is_refused(document: JSON, patch: JSON) -> None:
    schema = {"properties": {"a": _merged_list("a"), "b": _merged_list("")}}
    schema["properties"]["a"]["items"] = schema
    before = copy.deepcopy((document, patch))
    assert _code(STRATEGIC_PATCH, patch, document, schema) in (200, 400, 422)
    assert (document, patch) == before


def _merged_list(key: str) -> JSON:
    return {"x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": key, "type": "array"}
