"""Who owns which fields after a series of writes, and what is left of an object: structured-merge-diff's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from apply_story import NAMED, SPEC, THING, Story

from footplate_local.apiserver.patching import ownership
from footplate_local.apiserver.patching.field_paths import shown
from footplate_local.apiserver.patching.shapes import MISSING

JSON = dict[str, Any]


def conflicts(story: Story, manager: str, spec: JSON) -> set[tuple[str, str]]:
    with pytest.raises(ownership.Conflicts) as error:
        story.apply(manager, spec)
    return {(conflict.owner.manager, shown(conflict.path)) for conflict in error.value.found}


def test_an_update_owns_what_it_changes_with_the_objects_it_makes() -> None:
    story = Story()
    story.update("one", {"image": "i", "labels": {"a": "1"}}, labels={"x": "y"})
    assert story.owned() == {
        "one": {".metadata.labels", ".metadata.labels.x", ".spec", ".spec.image", ".spec.labels", ".spec.labels.a"}
    }
    story.update("two", {"image": "j", "labels": {"a": "1", "b": "2"}}, labels={"x": "y"})
    assert story.owned(only="two") == {"two": {".spec.image", ".spec.labels.b"}}
    assert ".spec.image" not in story.owned()["one"]
    story.update("three", {"labels": {"b": "2"}}, labels={"x": "y"})
    assert story.owned() == {
        "one": {".metadata.labels", ".metadata.labels.x", ".spec", ".spec.labels"},
        "two": {".spec.labels.b"},
    }


def test_an_apply_owns_the_leaves_and_items_that_it_names() -> None:
    story = Story()
    story.apply(
        "one",
        {
            "image": "i",
            "labels": {"a": "1"},
            "sealed": {"x": "y"},
            "words": ["w"],
            "set": ["s"],
            "items": [{"name": "n", "value": 1}],
            "ports": [{"port": 80}],
            "free": {"deep": {"list": [{"x": 1}]}},
        },
    )
    assert story.owned()["one"] == {
        ".spec.image",
        ".spec.labels.a",
        ".spec.sealed",
        ".spec.words",
        '.spec.set[="s"]',
        '.spec.items[name="n"]',
        '.spec.items[name="n"].name',
        '.spec.items[name="n"].value',
        '.spec.ports[port=80,protocol="TCP"]',
        '.spec.ports[port=80,protocol="TCP"].port',
        ".spec.free.deep",
        ".spec.free.deep.list",
    }


@pytest.mark.parametrize(
    ("spec", "owned"),
    [
        ({}, {".spec"}),
        ({"labels": {}}, {".spec.labels"}),
        ({"labels": None}, {".spec.labels"}),
        ({"items": []}, set()),
        ({"words": []}, {".spec.words"}),
        ({"image": None}, {".spec.image"}),
        (None, set()),
    ],
)
def test_what_an_apply_of_nothing_much_owns(spec: Any, owned: set[str]) -> None:
    story = Story()
    story.apply("one", spec)
    assert story.owned() == ({"one": owned} if owned else {})


def test_what_is_not_applied_any_more_goes_unless_another_owns_it() -> None:
    story = Story()
    story.apply("one", {"image": "i", "labels": {"a": "1", "b": "2"}, "items": [{"name": "n", "value": 1}]})
    story.apply("two", {"labels": {"b": "2"}, "items": [{"name": "n"}]})
    story.apply("one", {"image": "i"})
    assert story.spec == {"image": "i", "labels": {"b": "2"}, "items": [{"name": "n"}]}
    story.apply("two", {})
    assert story.spec == {"image": "i"}
    story.apply("one")
    assert not story.spec


def test_an_item_goes_with_those_who_own_it_but_its_neighbours_stay() -> None:
    """Who owns a field of an item does not own the item."""
    story = Story()
    story.apply("one", {"items": [{"name": "n"}], "labels": {"a": "1"}})
    with_more = {"items": [{"name": "n", "value": 7}, {"name": "m"}], "labels": {"a": "1", "b": "2"}}
    story.update("two", with_more)
    story.apply("one", {})
    assert story.spec == {"items": [{"name": "m"}], "labels": {"b": "2"}}


def test_another_value_is_a_conflict_and_the_same_value_is_shared() -> None:
    story = Story()
    story.apply("one", {"image": "i", "items": [{"name": "n", "value": 1}]})
    story.apply("two", {"image": "i"})
    assert story.owned() == {
        "one": {".spec.image", '.spec.items[name="n"]', '.spec.items[name="n"].name', '.spec.items[name="n"].value'},
        "two": {".spec.image"},
    }
    assert conflicts(story, "three", {"image": "j", "items": [{"name": "n", "value": 2}]}) == {
        ("one", ".spec.image"),
        ("two", ".spec.image"),
        ("one", '.spec.items[name="n"].value'),
    }
    story.apply("three", {"image": "j"}, force=True)
    assert [name for name, owned in story.owned().items() if ".spec.image" in owned] == ["three"]
    assert "two" not in story.owned()


def test_removing_what_is_shared_takes_it_from_nobody_else() -> None:
    story = Story()
    story.update("updater", {"image": "i"})
    story.apply("one", {"image": "i"})
    story.apply("one", {})
    assert story.spec == {"image": "i"}
    assert ".spec.image" in story.owned()["updater"]


def test_a_manager_has_an_entry_for_each_operation_and_subresource() -> None:
    story = Story()
    story.update("one", {"image": "i"})
    story.apply("one", {"image": "i"})
    story.apply("one", status={"phase": "A"}, subresource="status")
    kinds = {(entry.operation, entry.subresource): entry.fields for entry in story.entries()}
    assert kinds[("Apply", "status")] == {("f:status", "f:phase")}
    assert kinds[("Apply", "")] == {("f:spec", "f:image")}
    assert ("f:spec", "f:image") in kinds[("Update", "")]
    assert conflicts(story, "two", {"image": "j"}) == {("one", ".spec.image")}


def test_what_a_strategy_resets_has_no_owner() -> None:
    story = Story()
    story.apply("one", {"image": "i"}, status={"phase": "A"})
    assert story.owned() == {"one": {".spec.image"}}
    story.apply("two", {"image": "j"}, status={"phase": "A"}, subresource="status")
    assert story.owned()["two"] == {".status.phase"}


def test_the_names_and_times_of_an_object_have_no_owner() -> None:
    story = Story()
    names = {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "1", "generation": 1, "selfLink": "/"}
    story.apply("one", {"image": "i"}, metadata={**names, "creationTimestamp": None, "labels": {"a": "b"}})
    assert story.owned() == {"one": {".spec.image", ".metadata.labels.a"}}


def test_an_apply_that_changes_nothing_keeps_its_time() -> None:
    story = Story()
    story.apply("one", {"image": "i"})
    before = story.live
    story.apply("one", {"image": "i"})
    assert story.live == before


@pytest.mark.parametrize(
    ("live", "applied", "wanted"),
    [
        (["a", "c"], ["a", "b", "c", "d"], ["a", "b", "c", "d"]),
        (["a", "b", "c", "d"], ["a", "x", "c", "y"], ["a", "b", "x", "c", "d", "y"]),
        (["a", "b"], ["b", "a"], ["b", "a"]),
        (["1", "a", "2", "b", "3"], ["b", "a"], ["1", "2", "b", "3", "a"]),
        (["x"], [], ["x"]),
        (["x"], ["a"], ["x", "a"]),
    ],
)
def test_applied_items_come_in_their_order_among_the_others(
    live: Sequence[str], applied: Sequence[str], wanted: Sequence[str]
) -> None:
    story = Story()
    story.update("other", {"set": list(live), "items": [{"name": name} for name in live]})
    story.apply("one", {"set": list(applied), "items": [{"name": name} for name in applied]})
    assert story.spec["set"] == wanted
    assert [item["name"] for item in story.spec["items"]] == wanted


def test_a_key_with_a_default_need_not_be_told() -> None:
    story = Story()
    story.apply("one", {"ports": [{"port": 80, "protocol": "TCP", "title": "a"}, {"port": 80, "protocol": "UDP"}]})
    story.apply("two", {"ports": [{"port": 80, "title": "a"}]})
    assert len(story.spec["ports"]) == 2
    assert conflicts(story, "two", {"ports": [{"port": 80, "title": "b"}]}) == {
        ("one", '.spec.ports[port=80,protocol="TCP"].title')
    }


def test_lists_in_lists() -> None:
    story = Story()
    story.apply("one", {"groups": [{"name": "g", "members": ["a", "b"]}]})
    story.apply("two", {"groups": [{"name": "g", "members": ["c"]}]})
    story.apply("one", {"groups": [{"name": "g", "members": ["b"]}]})
    assert story.spec == {"groups": [{"name": "g", "members": ["b", "c"]}]}
    story.apply("one", {})
    assert story.spec == {"groups": [{"name": "g", "members": ["c"]}]}


@pytest.mark.parametrize("name", ["sealed", "words"])
def test_what_is_atomic_is_taken_as_a_whole(name: str) -> None:
    one, other = ({"x": "1"}, {"y": "1"}) if name == "sealed" else (["x"], ["y"])
    story = Story()
    story.apply("one", {name: one})
    assert conflicts(story, "two", {name: other}) == {("one", f".spec.{name}")}
    story.apply("two", {name: other}, force=True)
    assert story.spec == {name: other}
    assert story.owned() == {"two": {f".spec.{name}"}}


def test_below_unknown_fields_objects_are_merged_and_lists_are_not() -> None:
    story = Story()
    story.apply("one", {"free": {"a": {"x": 1}, "l": [1]}})
    story.apply("two", {"free": {"a": {"y": 2}}})
    assert story.spec == {"free": {"a": {"x": 1, "y": 2}, "l": [1]}}
    assert conflicts(story, "two", {"free": {"l": [2]}}) == {("one", ".spec.free.l")}
    story.apply("one", {"free": {"a": 5}}, force=True)
    assert story.spec == {"free": {"a": 5}}
    assert "two" not in story.owned()


def test_when_a_list_has_become_atomic_its_owners_own_it_whole() -> None:
    story = Story()
    story.apply("one", {"items": [{"name": "n", "value": 1}]})
    atomic = {"type": "array", "items": NAMED}
    spec = {"type": "object", "properties": {**SPEC, "items": atomic}}
    story.kind = replace(THING, declared_schema={"type": "object", "properties": {"spec": spec}})
    assert conflicts(story, "two", {"items": [{"name": "m"}]}) == {("one", ".spec.items")}


def test_entries_keep_their_version_until_the_manager_comes_with_another() -> None:
    story = Story()
    second = replace(THING, version="v2")
    story.other_kinds = {"test.example.com/v1": THING, "test.example.com/v2": second}
    story.apply("one", {"image": "i"})
    assert story.live is not None
    story.kind, story.live = second, {**story.live, "apiVersion": second.api_version}
    story.apply("two", {"replicas": 1})
    story.apply("one", {})
    assert story.spec == {"replicas": 1}
    assert {(entry.manager, entry.api_version) for entry in story.entries()} == {
        ("one", "test.example.com/v2"),
        ("two", "test.example.com/v2"),
    }


def test_owners_in_a_version_that_is_gone_are_forgotten() -> None:
    story = Story()
    story.apply("one", {"image": "i"})
    story.kind = replace(THING, version="v2")
    assert story.live is not None
    story.live = {**story.live, "apiVersion": "test.example.com/v2"}
    story.apply("two", {"image": "j"})
    assert story.owned() == {"two": {".spec.image"}}


def test_whoever_applies_first_to_an_object_without_owners_meets_one() -> None:
    story = Story()
    story.update("one", {"image": "i"})
    story.update("two", {"image": "j"}, asked=[])
    assert story.entries() == []
    story.update("two", {"image": "k"})
    assert story.entries() == []
    assert conflicts(story, "three", {"image": "l"}) == {("before-first-apply", ".spec.image")}
    story.apply("three", {"image": "k"})
    assert {entry.manager: entry.operation for entry in story.entries()} == {
        "three": "Apply",
        "before-first-apply": "Update",
    }


@pytest.mark.parametrize(
    ("asked", "managers"),
    [
        (MISSING, {"one", "two"}),
        (None, {"one", "two"}),
        ([{"manager": "x"}], {"one", "two"}),
        ([{"manager": "x", "operation": "Jump", "apiVersion": "v1", "fieldsType": "FieldsV1"}], {"one", "two"}),
        (
            [
                {
                    "manager": "x",
                    "operation": "Update",
                    "apiVersion": "v1",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"?": 1},
                }
            ],
            {"one", "two"},
        ),
        ([], set()),
        ([{}], set()),
        (
            [
                {
                    "manager": "x",
                    "operation": "Apply",
                    "apiVersion": "test.example.com/v1",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:spec": {"f:image": {}}},
                }
            ],
            {"x", "two"},
        ),
    ],
)
def test_the_owners_that_an_update_sends(asked: Any, managers: set[str]) -> None:
    story = Story()
    story.update("one", {"image": "i"})
    story.update("two", {"image": "i", "replicas": 2}, asked=asked)
    assert {entry.manager for entry in story.entries()} == managers


def test_more_than_ten_updaters_become_one() -> None:
    story = Story()
    story.update("first", {"labels": {}})
    for number in range(12):
        story.update(f"m{number}", {"labels": {str(each): "x" for each in range(number + 1)}})
    entries = story.entries()
    assert len(entries) == 10
    old = next(entry for entry in entries if entry.manager == "ancient-changes")
    assert {("f:spec",), ("f:spec", "f:labels", "f:0"), ("f:spec", "f:labels", "f:2")} <= old.fields
    assert {entry.manager for entry in entries} == {"ancient-changes", *(f"m{number}" for number in range(3, 12))}


def test_the_order_of_entries() -> None:
    story = Story()
    story.update("z", {"replicas": 1})
    story.apply("b", {"image": "i"})
    story.apply("a", {"labels": {"x": "y"}})
    story.update("c", {"image": "i", "replicas": 2, "labels": {"x": "y"}})
    assert [(entry.operation, entry.manager) for entry in story.entries()] == [
        ("Apply", "b"),
        ("Apply", "a"),
        ("Update", "z"),
        ("Update", "c"),
    ]
