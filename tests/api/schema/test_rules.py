"""Functions that Kubernetes adds to CEL, in expressions as CRDs write them."""

from __future__ import annotations

from typing import Any

import pytest

from footplate_local.apiserver.schema.cel_programs import BadExpression
from footplate_local.apiserver.schema.rules import Rules


def _holds(rule: str, value: Any, kind: str = "string") -> bool:
    schema = {"type": kind, "x-kubernetes-validations": [{"rule": rule}]}
    return Rules(schema).check(value) == []


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("self.lowerAscii() == self", "abc", "aBc"),
        ("self.split('.').all(part, size(part) > 0)", "a.b", "a..b"),
        ("self.split(',', 2)[1] == 'b,c'", "a,b,c", "a,b"),
        ("self.indexOf('=') > 0", "a=b", "=b"),
        ("self.lastIndexOf('/') == self.indexOf('/')", "a/b", "a/b/c"),
        ("self.substring(0, 2) == 'ab'", "abc", "bac"),
        ("self.charAt(1) == 'b'", "abc", "acb"),
        ("self.replace('-', '') == 'ab'", "a-b", "a_b"),
        ("self.trim() == self", "a", " a"),
        ("self.find('[0-9]+') == '12'", "a12b", "ab"),
        ("self.findAll('[0-9]').size() == 2", "1a2", "1a"),
        ("self.matches('^[a-z]+$')", "abc", "abc\n"),
        ("isQuantity(self) && quantity(self).compareTo(quantity('1Gi')) >= 0", "2Gi", "500Mi"),
        ("quantity(self).isLessThan(quantity('1'))", "500m", "2"),
        ("quantity(self).isInteger() && quantity(self).asInteger() > 0", "4", "1500m"),
        ("quantity(self).add(quantity('500m')).asApproximateFloat() == 1.0", "500m", "1"),
        ("isURL(self) && url(self).getScheme() in ['s3', 'https']", "s3://bucket/key", "http://host"),
        ("isIP(self)", "10.0.0.1", "10.0.0"),
        ("isCIDR(self)", "10.0.0.0/8", "10.0.0.1.2/8"),
        ("'%s-%d'.format([self, 3]) == 'a-3'", "a", "b"),
        ("duration(self) < duration('1h')", "10m", "2h"),
        ("int(self) > 0", "3", "three"),
    ],
)
def test_a_rule_on_text(rule: str, good: str, bad: str) -> None:
    assert (_holds(rule, good), _holds(rule, bad)) == (True, False)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("self.isSorted()", [1, 2, 3], [2, 1]),
        ("self.sum() <= 3", [1, 2], [3, 1]),
        ("self.exists_one(x, x == 1)", [1, 2], [1, 1]),
        ("self.map(x, string(x)).join('-') == '1-2'", [1, 2], [2, 1]),
        ("self.indexOf(2) == 1", [1, 2], [2, 1]),
    ],
)
def test_a_rule_on_lists(rule: str, good: list[int], bad: list[int]) -> None:
    assert (_holds(rule, good, "array"), _holds(rule, bad, "array")) == (True, False)


def test_property_names_are_escaped() -> None:
    names = {"name-space": {"type": "integer"}, "in": {"type": "integer"}, "a__b": {"type": "integer"}}
    rule = "self.name__dash__space + self.__in__ + self.a__underscores__b == 6"
    schema = {"type": "object", "properties": names, "x-kubernetes-validations": [{"rule": rule}]}
    assert Rules(schema).check({"name-space": 1, "in": 2, "a__b": 3}) == []


def test_reserved_words_are_names_of_fields_as_they_are() -> None:
    rule = "!has(self.namespace) && !has(self.__namespace__) || self.namespace == self.__namespace__"
    schema = {
        "type": "object",
        "properties": {"namespace": {"type": "string"}},
        "x-kubernetes-validations": [{"rule": rule}],
    }
    assert Rules(schema).check({"namespace": "a"}) == []
    assert Rules(schema).check({}) == []


def test_fields_that_no_rule_can_name_count_in_comparisons() -> None:
    schema = {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "x-kubernetes-validations": [{"rule": "self == oldSelf"}],
    }
    assert Rules(schema).check({"a": {"b": [1]}}, {"a": {"b": [1]}}) == []
    assert len(Rules(schema).check({"a": {"b": [1]}}, {"a": {"b": [2]}})) == 1


def test_a_rule_that_cannot_be_evaluated_refuses_and_says_why() -> None:
    schema = {"type": "object", "x-kubernetes-validations": [{"rule": "self.a > 1", "message": "a above 1"}]}
    (error,) = Rules(schema).check({"b": 1})
    assert error.detail == "no such key: a evaluating rule: a above 1"


def test_a_rule_that_does_not_compile_is_named() -> None:
    with pytest.raises(BadExpression, match="Syntax error"):
        Rules({"type": "object", "x-kubernetes-validations": [{"rule": "self.("}]})


_SET: dict[str, Any] = {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}
_ITEM = {"type": "object", "properties": {"k": {"type": "string"}, "v": _SET}}
_MAP = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": _ITEM}


@pytest.mark.parametrize(
    ("schema", "old", "new", "equal"),
    [
        (_SET, ["a", "b"], ["b", "a"], True),
        (_SET, ["a", "b"], ["b"], False),
        (_SET, ["a", "b"], ["b", "c"], False),
        (_MAP, [{"k": "1"}, {"k": "2"}], [{"k": "2"}, {"k": "1"}], True),
        (_MAP, [{"k": "1", "v": ["a", "b"]}], [{"k": "1", "v": ["b", "a"]}], True),
        (_MAP, [{"k": "1", "v": ["a"]}], [{"k": "1", "v": ["b"]}], False),
        ({**_SET, "x-kubernetes-list-type": "atomic"}, ["a", "b"], ["b", "a"], False),
    ],
)
def test_sets_and_maps_are_equal_to_their_former_state_in_any_order(
    schema: dict[str, Any], old: Any, new: Any, equal: bool
) -> None:
    whole = {"type": "object", "properties": {"x": schema}, "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}
    assert (Rules(whole).check({"x": new}, {"x": old}) == []) is equal
