"""CEL rules of schemas (x-kubernetes-validations), compiled once and checked for every write.

Source: Kubernetes documentation "Extend the API with CustomResourceDefinitions", validation rules. Evaluation is by
`common-expression-language` (Rust). Two things differ from cel-go: a CRD that uses the optional field syntax
(`self.?a`) is refused, and `size()` of a text counts bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cel

from footplate_local.apiserver.errors import FieldError, invalid_value
from footplate_local.apiserver.schema.cel_functions import FUNCTIONS
from footplate_local.apiserver.schema.structural import MISSING, child, map_child, same_item

JSON = dict[str, Any]

_RESERVED = {
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
    "let", "loop", "package", "namespace", "return",
}  # fmt: skip
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_OLD_SELF = re.compile(r"\boldSelf\b")
_ERRORS = (ValueError, TypeError, KeyError, IndexError, RuntimeError, OverflowError, ArithmeticError)


class BadRule(ValueError):
    """A rule of a CRD that cannot be compiled."""


@dataclass(frozen=True, slots=True)
class Rule:
    text: str
    program: cel.Program
    message: str
    message_program: cel.Program | None
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


def escape(name: str) -> str:
    """A property's name in an expression (names that are no identifiers are escaped)."""
    if name in _RESERVED:
        return f"__{name}__"
    return re.sub(r"__|[.\-/]", lambda match: _ESCAPES[match[0]], name)


class Rules:
    """All rules of one schema. Raises BadRule when one of them cannot be compiled."""

    def __init__(self, schema: JSON) -> None:
        self._root = _compile(schema, "")

    @property
    def any(self) -> bool:
        return self._root is not None

    def check(self, obj: JSON, old: JSON | None) -> list[FieldError]:
        """The rules that an object breaks; `old` is its state before an update."""
        if self._root is None:
            return []
        return list(_check(self._root, obj, MISSING if old is None else old, ""))


def _compile(schema: JSON, path: str) -> Node | None:
    rules = tuple(_rule(entry, path) for entry in schema.get("x-kubernetes-validations") or ())
    properties = {}
    for name, inner in (schema.get("properties") or {}).items():
        if node := _compile(inner, child(path, name)):
            properties[name] = node
    items = schema.get("items")
    additional = schema.get("additionalProperties")
    item_node = _compile(items, f"{path}[*]") if isinstance(items, dict) else None
    value_node = _compile(additional, f"{path}[*]") if isinstance(additional, dict) else None
    if not (rules or properties or item_node or value_node):
        return None
    return Node(schema, rules, properties, item_node, value_node)


def _rule(entry: JSON, path: str) -> Rule:
    text = entry["rule"]
    expression = entry.get("messageExpression")
    return Rule(
        text=text,
        program=_program(text, path),
        message=entry.get("message") or f"failed rule: {text}",
        message_program=_program(expression, path) if expression else None,
        reason=entry.get("reason") or "FieldValueInvalid",
        field_path=entry.get("fieldPath") or "",
        transition=_OLD_SELF.search(text) is not None,
        optional_old=bool(entry.get("optionalOldSelf")),
    )


_compiled = lru_cache(maxsize=2048)(cel.compile)


def _program(text: str, path: str) -> cel.Program:
    try:
        return _compiled(text)
    except ValueError as error:
        raise BadRule(f"{path or 'the root'}: rule {text!r} does not compile: {error}") from error


def _check(node: Node, value: Any, old: Any, path: str) -> Iterator[FieldError]:
    if value is None:
        return
    if node.rules:
        yield from _check_rules(node, value, old, path)
    if isinstance(value, dict):
        for name, item in value.items():
            inner = node.properties.get(name)
            before = old.get(name, MISSING) if isinstance(old, dict) else MISSING
            if inner is not None:
                yield from _check(inner, item, before, child(path, name))
            elif node.values is not None:
                yield from _check(node.values, item, before, map_child(path, name))
    elif isinstance(value, list) and node.items is not None:
        for index, item in enumerate(value):
            yield from _check(node.items, item, same_item(item, old, node.schema), f"{path}[{index}]")


def _check_rules(node: Node, value: Any, old: Any, path: str) -> Iterator[FieldError]:
    context = cel.Context({"self": _cel_value(value, node.schema)}, FUNCTIONS)
    has_old = old is not MISSING and old is not None
    unchanged = has_old and value == old  # such rules held before, or the schema became stricter since: ratcheting
    before = _cel_value(old, node.schema) if has_old else None
    if has_old:
        context.add_variable("oldSelf", before)
    for rule in node.rules:
        if rule.optional_old:
            optional = cel.OptionalValue.of(before) if has_old else cel.OptionalValue.none()
            context.add_variable("oldSelf", optional)
        elif (rule.transition and not has_old) or (unchanged and not rule.transition):
            continue
        yield from _run(rule, context, node, path)
        if rule.optional_old and has_old:
            context.add_variable("oldSelf", before)


def _run(rule: Rule, context: cel.Context, node: Node, path: str) -> Iterator[FieldError]:
    where = path + rule.field_path if path else rule.field_path.lstrip(".")
    shown = node.schema.get("type", "object")
    try:
        if rule.program.execute(context) is True:
            return
    except _ERRORS as error:
        text = f"no such key: {error.args[0]}" if isinstance(error, KeyError) else str(error)
        yield invalid_value(path, shown, f"rule evaluation error: {text} evaluating rule: {rule.message}")
        return
    yield FieldError(rule.reason, where, shown, _message(rule, context))


def _message(rule: Rule, context: cel.Context) -> str:
    if rule.message_program is None:
        return rule.message
    try:
        text = rule.message_program.execute(context)
    except _ERRORS:
        return rule.message  # as the API server does: a message that cannot be made is no reason to accept
    return text if isinstance(text, str) and text.strip() and "\n" not in text else rule.message


def _cel_value(value: Any, schema: JSON) -> Any:
    """A JSON value with the types and property names that expressions see."""
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        additional = schema.get("additionalProperties")
        other = additional if isinstance(additional, dict) else {}
        return {
            escape(key) if key in properties else key: _cel_value(item, properties.get(key, other))
            for key, item in value.items()
        }
    if isinstance(value, list):
        items = schema.get("items") or {}
        return [_cel_value(item, items) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and schema.get("type") == "number":
        return float(value)
    if isinstance(value, float) and value.is_integer() and schema.get("type") == "integer":
        return int(value)
    return value
