"""Selectors are read by apimachinery's grammar: what each matches, and which cannot be read."""

from __future__ import annotations

import pytest

from footplate_local.apiserver.errors import StatusError
from footplate_local.apiserver.objects.selectors import FieldTerm, field_terms, label_matcher

LABELS = {"app": "x", "tier": "2", "in": "notin", "empty": "", "example.com/a": "b"}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("app", True), ("!app", False), ("nope", False), ("! nope", True),
        ("app=x", True), ("app==x", True), ("app!=x", False), ("nope!=x", True), ("app=", False),
        ("empty=", True),
        ("app in (x,y)", True), ("app in(y)", False), ("app notin (x)", False), ("nope notin (x)", True),
        ("empty in ()", True), ("empty in (,x)", True), ("nope in ()", False), ("in in (notin)", True),
        ("in=notin", True),
        ("tier>1", True), ("tier<2", False), ("app>1", False), ("nope<5", False),
        ("app = x , tier in ( 1 , 2 ),!nope", True), ("app=x,tier=3", False), ("example.com/a=b", True),
        ("\tapp\n", True),
    ],
)  # fmt: skip
def test_what_a_label_selector_matches(selector: str, matches: bool) -> None:
    assert label_matcher(selector)(LABELS) is matches


@pytest.mark.parametrize(
    "selector",
    [
        ",", "a,", "a,,b", "=", "=a", "a=b=c", "a b", "a in b", "a in (b", "a in (b c)", "a in", "(a)", "a!",
        "!", "!a=b",
        "a>", "a>b", "a>=1",
        "a>-5", "a=!b", "a/b/c", "/a", "a/", "-a", "a=-b", f"a={'b' * 64}", "a=b c",
    ],
)  # fmt: skip
def test_what_is_no_label_selector(selector: str) -> None:
    with pytest.raises(StatusError) as raised:
        label_matcher(selector)
    assert (raised.value.code, raised.value.reason) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("selector", "terms"),
    [
        ("", []),
        ("a=b", [FieldTerm("a", "b", equal=True)]),
        ("a==b,c!=,", [FieldTerm("a", "b", equal=True), FieldTerm("c", "", equal=False)]),
        (r"a=b\,c\=d\\", [FieldTerm("a", r"b,c=d" + "\\", equal=True)]),
    ],
)
def test_what_a_field_selector_asks_for(selector: str, terms: list[FieldTerm]) -> None:
    assert field_terms(selector) == terms


@pytest.mark.parametrize("selector", ["a", "a,b=c", "a=b=c", r"a=\x", "a=b\\"])
def test_what_is_no_field_selector(selector: str) -> None:
    with pytest.raises(StatusError) as raised:
        field_terms(selector)
    assert raised.value.code == 400
