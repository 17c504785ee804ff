"""CEL rules of schemas (x-kubernetes-validations), compiled once and checked for every write.

Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go. The rules of an accepted CRD compile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from footplate_local.apiserver.errors import FieldError, invalid_value
from footplate_local.apiserver.schema import cel_programs
from footplate_local.apiserver.schema.cel_programs import EvaluationError, Values, seen
from footplate_local.apiserver.schema.cel_types import with_metadata
from footplate_local.apiserver.schema.correlation import MISSING, former_field, former_item, in_order_of, same
from footplate_local.apiserver.schema.fieldpath import normalized
from footplate_local.apiserver.schema.paths import child, indexed, keyed

JSON = dict[str, Any]
_LONGEST_MESSAGE = 5 * 1024


@dataclass(frozen=True, slots=True)
class Rule:
    text: str
    program: Any
    message: str
    message_program: Any
    reason: str
    field_path: str
    transition: bool
    optional_old: bool


@dataclass(frozen=True, slots=True)
class Node:
    """A place in the schema that has rules itself or below."""

    schema: JSON
    rules: tuple[Rule, ...]
    properties: dict[str, Node]
    items: Node | None
    values: Node | None


class Rules:
    """All rules of one schema. Raises BadExpression when one of them cannot be compiled."""

    def __init__(self, schema: JSON) -> None:
        self._root = _node(schema, root=True)

    @property
    def any(self) -> bool:
        return self._root is not None

    def check(self, obj: Any, old: Any = MISSING) -> list[FieldError]:
        """The rules that a value breaks; `old` is its state before an update."""
        if self._root is None:
            return []
        return list(_check(self._root, obj, old, "", unchanged=False))


def _node(schema: JSON, *, root: bool = False) -> Node | None:
    rules = tuple(_rule(entry, schema) for entry in schema.get("x-kubernetes-validations") or ())
    properties = {
        name: node for name, inner in (schema.get("properties") or {}).items() if (node := _node(inner)) is not None
    }
    items, additional = schema.get("items"), schema.get("additionalProperties")
    item_node = _node(items) if isinstance(items, dict) else None
    value_node = _node(additional) if isinstance(additional, dict) else None
    if not (rules or properties or item_node or value_node):
        return None
    if root or schema.get("x-kubernetes-embedded-resource"):
        schema = with_metadata(schema)
    return Node(schema, rules, properties, item_node, value_node)


def _rule(entry: JSON, schema: JSON) -> Rule:
    text = entry["rule"]
    optional_old = bool(entry.get("optionalOldSelf"))
    expression = entry.get("messageExpression")
    return Rule(
        text=text,
        program=cel_programs.compiled(text, optional_old=optional_old),
        message=(entry.get("message") or "").strip(),
        message_program=cel_programs.compiled(expression, optional_old=optional_old) if expression else None,
        reason=entry.get("reason") or "FieldValueInvalid",
        field_path=normalized(entry.get("fieldPath") or "", schema),
        transition=cel_programs.uses_old(text),
        optional_old=optional_old,
    )


def _check(node: Node, value: Any, old: Any, path: str, *, unchanged: bool) -> Iterator[FieldError]:
    """`unchanged`: the nearest part around this one that can be told from its former state is as it was."""
    if value is None:
        return
    if old is not MISSING:
        unchanged = same(value, old)
    if node.rules:
        yield from _check_rules(node, value, old, path, unchanged=unchanged)
    if isinstance(value, dict):
        for key, item in value.items():
            if key in node.properties:
                inner, where = node.properties[key], child(path, key)
            elif node.values is not None:
                inner, where = node.values, keyed(path, key)
            else:
                continue
            yield from _check(inner, item, former_field(old, key), where, unchanged=unchanged)
    elif isinstance(value, list) and node.items is not None:
        for index, item in enumerate(value):
            before = former_item(item, old, node.schema)
            yield from _check(node.items, item, before, indexed(path, index), unchanged=unchanged)


def _check_rules(node: Node, value: Any, old: Any, path: str, *, unchanged: bool) -> Iterator[FieldError]:
    has_old = old is not MISSING and old is not None
    shown = node.schema.get("type", "")
    try:
        former = [seen(in_order_of(value, old, node.schema), node.schema)] if has_old else []
        values = Values.of(seen(value, node.schema), former)
    except EvaluationError as error:
        yield invalid_value(path or "<nil>", shown, str(error))
        return
    for rule in node.rules:
        if rule.transition and not has_old and not rule.optional_old:
            continue
        try:
            if cel_programs.evaluate(rule.program, values) is True:
                continue
        except EvaluationError as error:
            yield invalid_value(path or "<nil>", shown, _why(str(error), rule))
            continue
        if rule.transition or not unchanged:  # what did not change, and was accepted then, is accepted still
            where = path + rule.field_path if path else rule.field_path.lstrip(".")
            yield FieldError(rule.reason, where or "<nil>", shown, _message(rule, values))


def _why(error: str, rule: Rule) -> str:
    said = rule.message or rule.text.strip()
    if error.startswith("no such overload"):
        what = "call arguments did not match a supported operator, function or macro signature for rule"
        return f"'{error}': {what}: {said}"
    return f"{error} evaluating rule: {said}"


def _message(rule: Rule, values: Values) -> str:
    message = rule.message or f"failed rule: {rule.text.strip()}"
    if rule.message_program is None:
        return message
    try:
        text = cel_programs.evaluate(rule.message_program, values)
    except EvaluationError:
        return message  # as the API server does: a message that cannot be made is no reason to accept
    text = text.strip() if isinstance(text, str) else ""
    return text if text and "\n" not in text and len(text.encode()) <= _LONGEST_MESSAGE else message
