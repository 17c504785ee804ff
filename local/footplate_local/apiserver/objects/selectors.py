"""Label and field selectors: what of a list or a watch is asked for.

Sources: apimachinery pkg/labels/selector.go (grammar, lexer and errors) and pkg/fields/selector.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from footplate_local.apiserver.errors import StatusError, bad_request
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
Labels = Mapping[str, str]
Match = Callable[[JSON], bool]

_TOKEN = re.compile(r"[ \t\r\n]*(?:(?P<symbol>[=!()<>,]+)|(?P<word>[^=!()<>, \t\r\n]+))")
_SYMBOLS = ("!=", "==", "=", "!", "(", ")", ",", ">", "<")
_OPERATORS = ("=", "==", "!=", "in", "notin", ">", "<")
_INTEGER = re.compile(r"[+-]?[0-9]+")


class _Unreadable(Exception):
    """A selector does not follow the grammar; the message says where."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label. `operator` is one of the binary ones, "exists" or "!"."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Labels) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "exists":
                return value is not None
            case "!":
                return value is None
            case "=" | "==" | "in":
                return value in self.values
            case "!=" | "notin":
                return value not in self.values
        if value is None or not _INTEGER.fullmatch(value):
            return False
        (bound,) = self.values
        return int(value) > int(bound) if self.operator == ">" else int(value) < int(bound)


def _tokens(selector: str) -> Iterator[str]:
    """The words and symbols of a selector; of symbols that touch, the longest one that is known comes first."""
    position = 0
    while match := _TOKEN.match(selector, position):
        if match["word"]:
            yield match["word"]
        else:
            run = match["symbol"]
            while run:
                symbol = next(item for item in _SYMBOLS if run.startswith(item))
                yield symbol
                run = run[len(symbol) :]
        position = match.end()


class _Parser:
    """A recursive descent over the tokens; "" stands after the last one."""

    def __init__(self, selector: str) -> None:
        self._left = [*_tokens(selector), ""]

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while self._left[0]:
            found.append(self._requirement())
            separator = self._take()
            if not separator:
                break
            if separator != ",":
                raise _Unreadable(f"found '{separator}', expected: ',' or 'end of string'")
            if not self._word_next() and self._left[0] != "!":
                raise _Unreadable(f"found '{self._left[0]}', expected: identifier after ','")
        return found

    def _take(self) -> str:
        return self._left.pop(0) if len(self._left) > 1 else ""

    def _word_next(self) -> bool:
        return self._left[0] not in ("", *_SYMBOLS)

    def _requirement(self) -> Requirement:
        negated = self._left[0] == "!"
        if negated:
            self._take()
        if not self._word_next():
            expected = "identifier" if negated else "!, identifier, or 'end of string'"
            raise _Unreadable(f"found '{self._left[0]}', expected: {expected}")
        key = self._take()
        _check("key", key, names.label_key(key))
        if self._left[0] in ("", ","):
            return Requirement(key, "!" if negated else "exists")
        if negated:
            raise _Unreadable(f"found '{self._left[0]}', expected: ',' or 'end of string'")
        operator = self._take()
        if operator not in _OPERATORS:
            raise _Unreadable(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")
        values = self._values() if operator in ("in", "notin") else {self._value()}
        for value in values:
            if operator in "<>" and not _INTEGER.fullmatch(value):
                raise _Unreadable("for 'Gt', 'Lt' operators, the value must be an integer")
            _check("value", value, names.label_value(value))
        return Requirement(key, operator, frozenset(values))

    def _value(self) -> str:
        if self._left[0] in ("", ","):
            return ""
        if not self._word_next():
            raise _Unreadable(f"found '{self._left[0]}', expected: identifier")
        return self._take()

    def _values(self) -> set[str]:
        """`(a,b)`; an empty place between commas or parentheses is the empty value."""
        if (opening := self._take()) != "(":
            raise _Unreadable(f"found '{opening}', expected: '('")
        found = set()
        while True:
            found.add(self._take() if self._word_next() else "")
            match self._take():
                case ")":
                    return found
                case ",":
                    continue
                case other:
                    raise _Unreadable(f"found '{other}', expected: ',' or ')'")


def _check(what: str, text: str, problems: list[str]) -> None:
    if problems:
        raise _Unreadable(f"{what} {text!r}: {'; '.join(problems)}")


def label_matcher(selector: str) -> Callable[[Labels], bool]:
    """A function of an object's labels. Raises StatusError 400 on a selector that cannot be read."""
    try:
        requirements = _Parser(selector).requirements()
    except _Unreadable as error:
        raise bad_request(f"unable to parse requirement: {error}") from error
    return lambda labels: all(requirement.matches(labels) for requirement in requirements)


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """`path=value`, or `path!=value` when `equal` is false."""

    path: str
    value: str
    equal: bool


def field_terms(selector: str) -> list[FieldTerm]:
    """The terms of a field selector. Raises StatusError 400."""
    found = []
    for term in filter(None, re.findall(r"(?:\\.|[^,\\])*\\?", selector, re.DOTALL)):
        match = re.fullmatch(r"(.*?)(!=|==|=)(.*)", term, re.DOTALL)
        if match is None:
            raise bad_request(f"invalid selector: '{selector}'; can't understand '{term}'")
        path, operator, value = match.groups()
        found.append(FieldTerm(path, _unescaped(value), operator != "!="))
    return found


def _unescaped(value: str) -> str:
    plain = re.sub(r"\\[\\,=]", "", value)
    if "\\" in plain:
        sequence = plain[plain.index("\\") :][:2]
        raise bad_request(f"invalid field selector: invalid escape sequence: {sequence}")
    if "=" in plain:
        raise bad_request("invalid field selector: unescaped character in value: 61")
    return re.sub(r"\\([\\,=])", r"\1", value)


def field_matcher(kind: ResourceType, selector: str) -> Match:
    """A function of an object. Raises StatusError 400 on a field that the kind has no selector for."""
    terms = field_terms(selector)
    own = tuple(kind.strategy.selectable())
    selectable = {"metadata.name", *own}
    if kind.namespaced or not (kind.custom or own):  # built-in kinds without selectors of their own know both
        selectable.add("metadata.namespace")
    for term in terms:
        if term.path not in selectable:
            raise _not_selectable(kind, term.path)

    def matches(obj: JSON) -> bool:
        meta = obj["metadata"]
        values = {
            "metadata.name": meta.get("name", ""),
            "metadata.namespace": meta.get("namespace", ""),
            **kind.strategy.field_values(obj),
        }
        return all((values.get(term.path, "") == term.value) is term.equal for term in terms)

    return matches


def _not_selectable(kind: ResourceType, path: str) -> StatusError:
    if not kind.custom and not tuple(kind.strategy.selectable()):
        return bad_request(f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"')
    return bad_request(f"field label not supported: {path}")


def matcher(kind: ResourceType, labels: str, fields: str) -> Match | None:
    """Both selectors as one function of an object, or None when everything matches. Raises StatusError 400."""
    by_label = label_matcher(labels) if labels.strip() else None
    by_field = field_matcher(kind, fields) if fields else None
    if by_label is None:
        return by_field
    if by_field is None:
        return lambda obj: by_label(obj["metadata"].get("labels") or {})
    return lambda obj: by_label(obj["metadata"].get("labels") or {}) and by_field(obj)
