"""CEL expressions: compiled once, checked against the types of a schema, evaluated (cel-expr-python, the C++ CEL).

An expression is compiled without types for evaluation, since the values are plain JSON, and once more with the types of
its schema when a CRD is checked. Two things that cel-go knows are not there: comprehensions with two variables and the
estimate of an expression's cost.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_optional
from google.protobuf import duration_pb2, timestamp_pb2

from footplate_local.apiserver.schema import cel_library
from footplate_local.apiserver.schema.cel_types import Declared, Types, names_of

JSON = dict[str, Any]
BOOL, STRING = cel.Type.BOOL, cel.Type.STRING
_HAD, _OLD = "had__", "old__"
_LITERAL = re.compile(
    r"""//[^\n]*|[rR]?(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"(?:\\.|[^"\\])*\"|'(?:\\.|[^'\\])*')"""
)
_OPTIONAL_CALL = re.compile(r"(\.)\s*(validate|(?<=format\.)named)\(")
_PROBLEM = re.compile(r"ERROR: <input>:\d+:\d+: (.*)")
_STATUS = re.compile(r"^[A-Z_]+: ")
_GO_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_ERRORS = (
    (re.compile(r'Key not found in map : "(.*)"', re.DOTALL), r"no such key: \1"),
    (re.compile(r"Index error: index=(-?\d+) size=\d+"), r"index out of bounds: \1"),
    (re.compile(r"No matching overloads found.*", re.DOTALL), "no such overload"),
    (re.compile(r"divide by zero"), "division by zero"),
)


class BadExpression(ValueError):
    """An expression that does not compile; the text says where."""


class EvaluationError(ValueError):
    """An expression that has no value; the text is that of cel-go."""


def _extensions() -> list[Any]:
    return [ext_optional.ExtOptional(), ext_bindings.ExtBindings()]


@cache
def _environment() -> cel.Env:
    names = ("self", "oldSelf", _HAD, _OLD)
    return cel.NewEnv(
        variables=dict.fromkeys(names, cel.Type.DYN),
        extensions=_extensions(),
        functions=cel_library.implementations(),
    )


@lru_cache(maxsize=4096)
def compiled(text: str, *, optional_old: bool = False) -> cel.Expression:
    """An expression for `evaluate`. Raises BadExpression."""
    text = _with_lists_for_optionals(text)
    if optional_old:
        text = f"cel.bind(oldSelf, {_HAD} ? optional.of({_OLD}) : optional.none(), {text}\n)"
    return _compile(_environment(), text)


def _compile(environment: cel.Env, text: str) -> cel.Expression:
    try:
        return environment.compile(text)
    except RuntimeError as error:
        problems = _PROBLEM.findall(str(error))
        raise BadExpression("; ".join(problems) or str(error)) from error


def _with_lists_for_optionals(text: str) -> str:
    """Calls of functions that give optionals, as calls of those that give lists (see cel_library.REWRITTEN)."""
    quiet = without_literals(text)
    for match in reversed(list(_OPTIONAL_CALL.finditer(quiet))):
        end = _closing(quiet, match.end())
        called = match[1] + cel_library.REWRITTEN[match[2]] + "("
        text = text[: match.start()] + called + text[match.end() : end] + ")[?0]" + text[end + 1 :]
        quiet = quiet[: match.start()] + called + quiet[match.end() : end] + ")[?0]" + quiet[end + 1 :]
    return text


def _closing(text: str, position: int) -> int:
    """Where the parenthesis ends that was opened before a position."""
    depth = 1
    while position < len(text):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if not depth:
            break
        position += 1
    return position


def without_literals(text: str) -> str:
    """The expression with its texts and comments blanked out, of the same length."""
    return _LITERAL.sub(lambda match: " " * len(match[0]), text)


def uses_old(text: str) -> bool:
    return re.search(r"\boldSelf\b", without_literals(text)) is not None


class Checker:
    """Checks the expressions of one schema. Types are declared first, all of them; then expressions can be checked."""

    def __init__(self) -> None:
        self._types = Types()
        self._declared: list[Declared] = []
        self._made: cel.Env | None = None

    def declare(self, schema: JSON, *, root: bool) -> int | None:
        """Number of the type that `self` has in the rules of a schema; None when they cannot see its values."""
        declared = self._types.declare(schema, root=root)
        if declared is None:
            return None
        self._declared.append(declared)
        return len(self._declared) - 1

    def check(self, text: str, number: int, *, wanted: cel.Type, optional_old: bool) -> bool:
        """Whether the expression gives the wanted type. Raises BadExpression when it does not compile."""
        variable = f"self{number}__"
        old = f"{_HAD} ? optional.of({variable}) : optional.none()" if optional_old else variable
        bound = f"cel.bind(self, {variable}, cel.bind(oldSelf, {old}, {text}\n))"
        return bool(_compile(self._environment(), bound).return_type() == wanted)

    def _environment(self) -> cel.Env:
        if self._made is None:
            variables = {f"self{number}__": declared.type for number, declared in enumerate(self._declared)}
            self._made = cel.NewEnv(
                descriptor_pool=self._types.pool(),
                variables={**variables, _HAD: BOOL},
                extensions=_extensions(),
                functions=cel_library.declarations(),
            )
        return self._made


@dataclass(frozen=True, slots=True)
class Values:
    """What the expressions of one place of an object see."""

    activation: cel.Activation

    @classmethod
    def of(cls, value: Any, old: Sequence[Any]) -> Values:
        """`value` and, when there is one, its former state in `old`; both as `seen` gives them."""
        data = {"self": value, _HAD: bool(old)}
        if old:
            data |= {"oldSelf": old[0], _OLD: old[0]}
        return cls(_environment().Activation(data))


def evaluate(expression: cel.Expression, values: Values) -> Any:
    """The plain value of an expression. Raises EvaluationError."""
    found = expression.eval(values.activation)
    plain = found.plain_value()
    if found.type() == cel.Type.ERROR:
        text = _STATUS.sub("", str(plain))
        for pattern, replacement in _ERRORS:
            text = pattern.sub(replacement, text)
        raise EvaluationError(text)
    return plain


def seen(value: Any, schema: JSON) -> Any:
    """A JSON value with the types and property names that expressions see.

    Raises EvaluationError for what has not the type or format that the schema says.
    """
    if schema.get("x-kubernetes-int-or-string"):
        return value
    if isinstance(value, dict):
        return _seen_object(value, schema)
    if isinstance(value, list):
        items = schema.get("items") or {}
        return [seen(item, items) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _seen_number(value, schema)
    if isinstance(value, str) and schema.get("type") == "string" and "format" in schema:
        return _seen_text(value, schema["format"])
    return value


def _seen_object(value: JSON, schema: JSON) -> JSON:
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        return {key: seen(item, additional) for key, item in value.items()}
    properties = schema.get("properties") or {}
    found: JSON = {}
    for key, item in value.items():
        known = key in properties
        shown = seen(item, properties[key]) if known else item  # nothing can name it, but it counts in `==`
        found |= dict.fromkeys((names_of(key) if known else []) or [key], shown)
    return found


def _seen_number(value: float, schema: JSON) -> Any:
    if schema.get("type") == "number":
        return float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _seen_text(value: str, form: str) -> Any:
    try:
        match form:
            case "byte":
                return base64.b64decode(value, validate=True)
            case "date" | "date-time":
                return _timestamp(value)
            case "duration":
                return _duration(value)
    except ValueError as error:
        raise EvaluationError(f"invalid {form} {value!r}: {error}") from error
    return value


def _timestamp(value: str) -> timestamp_pb2.Timestamp:
    moment = datetime.fromisoformat(value.upper())
    found = timestamp_pb2.Timestamp()
    found.FromDatetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return found


def _duration(value: str) -> duration_pb2.Duration:
    total = sum(int(float(number) * _NANOSECONDS[unit]) for number, unit in _GO_DURATION.findall(value))
    found = duration_pb2.Duration()
    found.FromNanoseconds(-total if value.startswith("-") else total)
    return found
