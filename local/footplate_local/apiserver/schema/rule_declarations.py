"""CEL rules as CRDs declare them: their fields, and that they compile with the types of their schema.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go and pkg/apiserver/schema/cel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from footplate_local.apiserver.errors import FieldError, invalid_value, not_supported, required
from footplate_local.apiserver.schema import cel_programs
from footplate_local.apiserver.schema.cel_programs import BadExpression, Checker
from footplate_local.apiserver.schema.fieldpath import BadFieldPath, resolve
from footplate_local.apiserver.schema.paths import child, indexed

JSON = dict[str, Any]
_REASONS = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"]
_NEW_LINE = re.compile(r"[\n\r]")


def rule_field_errors(schema: JSON, path: str) -> list[FieldError]:
    """What is wrong with the rules of a schema before they are compiled."""
    rules = schema.get("x-kubernetes-validations") or ()
    where = child(path, "x-kubernetes-validations")
    return [error for index, rule in enumerate(rules) for error in _field_errors(rule, schema, indexed(where, index))]


def _field_errors(rule: JSON, schema: JSON, path: str) -> Iterator[FieldError]:
    text, message = rule.get("rule") or "", rule.get("message") or ""
    if not text.strip():
        yield required(child(path, "rule"), "rule is not specified")
    elif message and not message.strip():
        yield invalid_value(child(path, "message"), message, "must be non-empty if specified")
    elif _NEW_LINE.search(message.strip()):
        yield invalid_value(child(path, "message"), message, "must not contain line breaks")
    elif _NEW_LINE.search(text.strip()) and not message.strip():
        yield required(child(path, "message"), "message must be specified if rule contains line breaks")
    if rule.get("messageExpression") and not rule["messageExpression"].strip():
        yield required(child(path, "messageExpression"), "messageExpression must be non-empty if specified")
    if rule.get("reason") is not None and rule["reason"] not in _REASONS:
        yield not_supported(child(path, "reason"), rule["reason"], _REASONS)
    yield from _field_path_errors(rule.get("fieldPath") or "", schema, child(path, "fieldPath"))


def _field_path_errors(field_path: str, schema: JSON, path: str) -> Iterator[FieldError]:
    if field_path and not field_path.strip():
        yield invalid_value(path, field_path, "must be non-empty if specified")
    if _NEW_LINE.search(field_path):
        yield invalid_value(path, field_path, "must not contain line breaks")
    if field_path:
        try:
            resolve(field_path, schema)
        except BadFieldPath:
            yield invalid_value(path, field_path, "must be a valid path")


class RuleChecks:
    """Compiles the rules of one schema."""

    def __init__(self, schema: JSON) -> None:
        self._checker = Checker()
        self._numbers: dict[int, int | None] = {}
        self._declare(schema, root=True)

    def _declare(self, schema: JSON, *, root: bool) -> None:
        if schema.get("x-kubernetes-validations"):
            self._numbers[id(schema)] = self._checker.declare(schema, root=root)
        for inner in (schema.get("items"), schema.get("additionalProperties")):
            if isinstance(inner, dict):
                self._declare(inner, root=False)
        for inner in (schema.get("properties") or {}).values():
            self._declare(inner, root=False)

    def errors(self, schema: JSON, path: str, no_old_self: str) -> Iterator[FieldError]:
        """What does not compile of the rules of one part of the schema.

        `no_old_self`: the path above which cannot be told from its former state, so that rules have no oldSelf.
        """
        rules = schema.get("x-kubernetes-validations") or ()
        where = child(path, "x-kubernetes-validations")
        number = self._numbers.get(id(schema))
        if rules and number is None:
            yield invalid_value(where, "", "failed to convert to declType for CEL validation rules")
            return
        for index, rule in enumerate(rules):
            yield from self._rule_errors(rule, number or 0, indexed(where, index), no_old_self)

    def _rule_errors(self, rule: JSON, number: int, path: str, no_old_self: str) -> Iterator[FieldError]:
        yield from self._compiled(rule, "rule", number, path)
        if rule.get("messageExpression"):
            yield from self._compiled(rule, "messageExpression", number, path)
        if cel_programs.uses_old(rule["rule"]):
            if no_old_self:
                text = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {no_old_self}"
                yield invalid_value(child(path, "rule"), rule["rule"], text)
        elif rule.get("optionalOldSelf") is not None:
            text = "may not be set if oldSelf is not used in rule"
            yield invalid_value(child(path, "optionalOldSelf"), rule["optionalOldSelf"], text)

    def _compiled(self, rule: JSON, name: str, number: int, path: str) -> Iterator[FieldError]:
        is_rule = name == "rule"
        optional = bool(rule.get("optionalOldSelf"))
        wanted = cel_programs.BOOL if is_rule else cel_programs.STRING
        try:
            cel_programs.compiled(rule[name], optional_old=optional)
            if self._checker.check(rule[name], number, wanted=wanted, optional_old=optional):
                return
            text = (
                "cel expression must evaluate to a bool" if is_rule else "messageExpression must evaluate to a string"
            )
        except BadExpression as error:
            text = f"{'' if is_rule else 'messageExpression '}compilation failed: {error}"
        yield invalid_value(child(path, name), rule, text)
