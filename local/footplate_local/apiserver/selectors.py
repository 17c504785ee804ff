"""Label and field selectors (apimachinery pkg/labels and pkg/fields)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from footplate_local.apiserver import names
from footplate_local.apiserver.errors import bad_request
from footplate_local.apiserver.kinds.registry import ResourceType

JSON = dict[str, Any]
Labels = Mapping[str, str]
Match = Callable[[JSON], bool]

_SET = re.compile(r"([^\s,=!()]+)\s+(in|notin)\s*\(([^()]*)\)")
_EQUAL = re.compile(r"([^\s,=!()]+)\s*(==|=|!=)\s*([^\s,=!()]*)")
_GREATER = re.compile(r"([^\s,=!()<>]+)\s*([<>])\s*(-?\d+)")
_EXISTS = re.compile(r"(!?)\s*([^\s,=!()<>]+)")


def _terms(selector: str) -> list[str]:
    """Split at the commas that are not inside parentheses."""
    return [term.strip() for term in re.split(r",(?![^()]*\))", selector)]


def label_matcher(selector: str) -> Callable[[Labels], bool]:
    """A function of an object's labels. Raises StatusError 400 on a selector that cannot be read."""
    tests = [_label_test(term, selector) for term in _terms(selector)] if selector.strip() else []
    return lambda labels: all(test(labels) for test in tests)


def _label_test(term: str, selector: str) -> Callable[[Labels], bool]:
    if match := _SET.fullmatch(term):
        key, operator, inner = match.groups()
        _check_key(key, selector)
        values = {value.strip() for value in inner.split(",")}
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _GREATER.fullmatch(term):
        key, operator, bound = match.groups()
        _check_key(key, selector)
        return lambda labels: _compare(labels.get(key), operator, int(bound))
    if match := _EQUAL.fullmatch(term):
        key, operator, wanted = match.groups()
        _check_key(key, selector)
        if problems := names.label_value(wanted):
            raise _unreadable(selector, problems[0])
        if operator == "!=":
            return lambda labels: labels.get(key) != wanted
        return lambda labels: labels.get(key) == wanted
    if match := _EXISTS.fullmatch(term):
        negated, key = match.groups()
        _check_key(key, selector)
        return (lambda labels: key not in labels) if negated else (lambda labels: key in labels)
    raise _unreadable(selector, f"found {term!r}, expected a requirement like a=b, a!=b, a in (b,c) or !a")


def _compare(value: str | None, operator: str, bound: int) -> bool:
    if value is None or not re.fullmatch(r"-?\d+", value):
        return False
    return int(value) > bound if operator == ">" else int(value) < bound


def _check_key(key: str, selector: str) -> None:
    if problems := names.label_key(key):
        raise _unreadable(selector, f"key {key!r}: {problems[0]}")


def _unreadable(selector: str, why: str) -> Exception:
    return bad_request(f"unable to parse requirement in the selector {selector!r}: {why}")


def field_matcher(kind: ResourceType, selector: str) -> Match:
    """A function of an object. Raises StatusError 400 on a field that the kind has no selector for."""
    selectable = {"metadata.name", "metadata.namespace", *kind.strategy.selectable()}
    wanted: list[tuple[str, str, bool]] = []
    for term in filter(None, _terms(selector)):
        match = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", term)
        if match is None:
            raise bad_request(f"invalid field selector {selector!r}: cannot understand {term!r}")
        path, operator, value = match.groups()
        if path not in selectable:
            raise bad_request(
                f"Unable to find {kind.api_version}, Resource={kind.plural} that match field selector {selector!r}: "
                f"field label not supported: {path}"
            )
        wanted.append((path, re.sub(r"\\([\\,=])", r"\1", value), operator != "!="))

    def matches(obj: JSON) -> bool:
        meta = obj["metadata"]
        values = {
            "metadata.name": meta.get("name", ""),
            "metadata.namespace": meta.get("namespace", ""),
            **kind.strategy.field_values(obj),
        }
        return all((values.get(path, "") == value) is equal for path, value, equal in wanted)

    return matches


def matcher(kind: ResourceType, labels: str, fields: str) -> Match | None:
    """Both selectors as one function of an object, or None when everything matches."""
    by_label = label_matcher(labels) if labels.strip() else None
    by_field = field_matcher(kind, fields) if fields.strip() else None
    if by_label is None:
        return by_field
    if by_field is None:
        return lambda obj: by_label(obj["metadata"].get("labels") or {})
    return lambda obj: by_label(obj["metadata"].get("labels") or {}) and by_field(obj)
