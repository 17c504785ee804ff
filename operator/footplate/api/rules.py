"""CEL rules of the schemas: what a structural type cannot say, with a message that says what to write instead.

A rule sees the fields that the schema types; nothing below x-kubernetes-preserve-unknown-fields (Kubernetes: Validation
rules). Its cost is estimated from the maximal lengths of what it reads, so every list, map and string has one. Messages
are constant: an expression that puts a number into one has no bounded estimate, and kube-apiserver refuses the CRD.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL rule and what a refused user reads."""

    rule: str
    message: str

    def to_json(self) -> dict[str, str]:
        return {"rule": self.rule, "message": self.message}


def exactly_one(fields: Iterable[str], message: str) -> Rule:
    """The rule that one of `fields` is given, and no other."""
    return Rule(f"[{', '.join(f'has(self.{field})' for field in fields)}].exists_one(given, given)", message)


def unchanged(field: str) -> str:
    """The CEL expression that a field is what it was, or is absent as it was."""
    return f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"


def immutable(field: str, instead: str) -> Rule:
    """The rule that a field of a spec never changes (Kubernetes: Transition rules)."""
    return Rule(unchanged(field), f"spec.{field} is immutable: {instead}")
