"""Every way in which a value breaks a schema, but for the CEL rules.

Sources: kube-openapi pkg/validation/validate (the sentences and the order of checks are its), apiextensions-apiserver
pkg/apiserver/validation and pkg/apiserver/schema/{listtype,objectmeta}. Schemas are the plain JSON of
`openAPIV3Schema`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from footplate_local.apiserver.errors import FieldError, invalid_value, not_supported, required, type_invalid
from footplate_local.apiserver.schema import formats, patterns
from footplate_local.apiserver.schema.correlation import MISSING, former_field, former_item, map_keys, same
from footplate_local.apiserver.schema.paths import child, indexed, keyed

JSON = dict[str, Any]
_LARGEST_WHOLE = 2**53 - 1
_CLOSE = 1e-9
NO_FIELD = "<nil>"
"""The field of an error that names none, as Kubernetes prints it."""


@dataclass(slots=True)
class Result:
    """What was found, and how many checks were made: of the branches of an anyOf that do not fit, the one that got
    furthest tells what is wrong."""

    errors: list[FieldError] = field(default_factory=list)
    checks: int = 0

    def add(self, other: Result) -> None:
        self.errors += other.errors
        self.checks += other.checks


def validate(value: Any, schema: JSON, path: str = "", old: Any = MISSING) -> list[FieldError]:
    """The errors of a value; `old` is the value before an update: what did not change is not checked again."""
    return _validate(value, schema, path, old).errors


def _validate(value: Any, schema: JSON, path: str, old: Any = MISSING) -> Result:
    result = Result(checks=1)
    if old is not MISSING and same(value, old):
        return result
    result.errors += _type_errors(value, schema, path)
    if value is not None:
        _check_combinations(value, schema, path, old, result)
        result.checks += 3  # the checks of type, combinations and enum
        if isinstance(value, str):
            result.errors += _string_errors(value, schema, path)
            result.checks += 1 + ("format" in schema)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            result.errors += _number_errors(value, schema, path)
            result.checks += 2
        elif isinstance(value, list):
            _check_list(value, schema, path, old, result)
        elif isinstance(value, dict):
            _check_object(value, schema, path, old, result)
    if schema.get("enum") and (value is None or not any(same(value, allowed) for allowed in schema["enum"])):
        result.errors.append(not_supported(path or NO_FIELD, value, schema["enum"]))
    return result


def _json_type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _type_errors(value: Any, schema: JSON, path: str) -> Iterator[FieldError]:
    wanted = ("integer", "string") if schema.get("x-kubernetes-int-or-string") else (schema.get("type", ""),)
    if wanted == ("",) or (value is None and schema.get("nullable")):
        return
    found = _json_type(value)
    if "string" in wanted and found in ("string", "array") and formats.is_known(schema.get("format", ""), "string"):
        return  # the type of what has a format is left to the format, which only looks at text
    whole = found == "number" and "integer" in wanted and _is_whole(value)
    if not (found in wanted or whole or (found == "integer" and "number" in wanted)):
        text = f'{path} in body must be of type {",".join(wanted)}: "{found}"'
        yield type_invalid(path or NO_FIELD, found, text)


def _string_errors(value: str, schema: JSON, path: str) -> Iterator[FieldError]:
    where = path or NO_FIELD
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield FieldError("FieldValueTooLong", where, detail=f"may not be more than {schema['maxLength']} bytes")
    elif len(value) < schema.get("minLength", 0):
        yield invalid_value(where, value, f"{path} in body should be at least {schema['minLength']} chars long")
    elif schema.get("pattern") and not patterns.compiled(schema["pattern"]).search(value):
        yield invalid_value(where, value, f"{path} in body should match '{schema['pattern']}'")
    if "format" in schema and schema.get("type", "string") == "string" and not formats.fits(schema["format"], value):
        yield type_invalid(where, value, f'{path} in body must be of type {schema["format"]}: "{value}"')


def _number_errors(value: float, schema: JSON, path: str) -> Iterator[FieldError]:
    low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    where = path or NO_FIELD
    if schema.get("type") == "integer" and (value % 1 or not -(2**63) <= value < 2**63):
        yield invalid_value(NO_FIELD, "", f"Checked value must be of type integer in {path}")
    if step and not _is_multiple(value, step):
        yield invalid_value(where, value, f"{path} in body should be a multiple of {step}")
    if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
        equal = "" if schema.get("exclusiveMinimum") else " or equal to"
        yield invalid_value(where, value, f"{path} in body should be greater than{equal} {low}")
    if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
        equal = "" if schema.get("exclusiveMaximum") else " or equal to"
        yield invalid_value(where, value, f"{path} in body should be less than{equal} {high}")


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(value, int) and step % 1 == 0:
        return value % int(step) == 0
    return _is_whole(value / step if step >= 1 else 1 / step * value)


def _is_whole(value: float) -> bool:
    """Whether a float counts as an integer: of the size that JavaScript has, give or take what floats are off by."""
    if abs(value) > _LARGEST_WHOLE:
        return False
    below = float(int(value))
    return value == below or (below > 0 and (value - below) / (value + below) < _CLOSE)


def _check_list(value: list[Any], schema: JSON, path: str, old: Any, result: Result) -> None:
    items = schema.get("items")
    if isinstance(items, dict):
        for index, item in enumerate(value):
            result.add(_validate(item, items, indexed(path, index), former_item(item, old, schema)))
    if len(value) < schema.get("minItems", 0):
        text = f"{path} in body should have at least {schema['minItems']} items"
        result.errors.append(invalid_value(path or NO_FIELD, len(value), text))
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        result.errors.append(_too_many(path, len(value), schema["maxItems"]))
    result.checks += 2


def _too_many(path: str, found: int, most: int) -> FieldError:
    return FieldError("FieldValueTooMany", path or NO_FIELD, found, f"must have at most {most} items")


def _check_object(value: JSON, schema: JSON, path: str, old: Any, result: Result) -> None:
    if len(value) < schema.get("minProperties", 0):
        text = f"{path} in body should have at least {schema['minProperties']} properties"
        result.errors.append(invalid_value(path or NO_FIELD, len(value), text))
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        result.errors.append(_too_many(path, len(value), schema["maxProperties"]))
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    for key, item in value.items():
        before = former_field(old, key)
        if key in properties:
            result.add(_validate(item, properties[key], child(path, key), before))
        elif isinstance(additional, dict):
            result.add(_validate(item, additional, child(path, key), before))
        elif additional is False:
            text = f"{path}.{key} in body is a forbidden property"
            result.errors.append(invalid_value(path or NO_FIELD, key, text))
    result.errors += [required(child(path, key)) for key in schema.get("required") or () if key not in value]
    result.checks += 1


def _check_combinations(value: Any, schema: JSON, path: str, old: Any, result: Result) -> None:
    for kind, most in (("anyOf", None), ("oneOf", 1)):
        if not schema.get(kind):
            continue
        branches = [_validate(value, branch, path, old) for branch in schema[kind]]
        fitting = [branch for branch in branches if not branch.errors]
        if fitting and (most is None or len(fitting) <= most):
            result.checks += fitting[0].checks
            continue
        if kind == "anyOf":
            text = f'"{path}" must validate at least one schema (anyOf)'
        else:
            found = f"Found {len(fitting)} valid alternatives" if fitting else "Found none valid"
            text = f'"{path}" must validate one and only one schema (oneOf). {found}'
        result.errors.append(invalid_value(NO_FIELD, "", text))
        if not fitting:
            result.add(max(branches, key=lambda branch: branch.checks))
    parts = [_validate(value, part, path, old) for part in schema.get("allOf") or ()]
    for part in parts:
        result.add(part)
    if any(part.errors for part in parts):
        none = "" if any(not part.errors for part in parts) else ". None validated"
        result.errors.append(invalid_value(NO_FIELD, "", f'"{path}" must validate all the schemas (allOf){none}'))
    if schema.get("not") is not None and not _validate(value, schema["not"], path, old).errors:
        result.errors.append(invalid_value(NO_FIELD, "", f'"{path}" must not validate the schema (not)'))


def list_errors(value: Any, schema: JSON, path: str = "") -> list[FieldError]:
    """Items of sets, and keys of lists of type map, that come twice."""
    if isinstance(value, dict):
        return [error for key, item in value.items() for error in _field_list_errors(key, item, schema, path)]
    if not isinstance(value, list):
        return []
    items = schema.get("items")
    found = list(_duplicates(value, schema, path))
    if isinstance(items, dict):
        found += [error for i, item in enumerate(value) for error in list_errors(item, items, indexed(path, i))]
    return found


def _field_list_errors(key: str, item: Any, schema: JSON, path: str) -> list[FieldError]:
    inner = (schema.get("properties") or {}).get(key)
    if inner is not None:
        return list_errors(item, inner, child(path, key))
    additional = schema.get("additionalProperties")
    return list_errors(item, additional, keyed(path, key)) if isinstance(additional, dict) else []


def _duplicates(value: list[Any], schema: JSON, path: str) -> Iterator[FieldError]:
    kind = schema.get("x-kubernetes-list-type")
    if kind not in ("set", "map"):
        return
    seen: list[tuple[Any, int]] = []
    for index, item in enumerate(value):
        if kind == "map" and not isinstance(item, dict | None):
            yield invalid_value(indexed(path, index), item, "must be an object for an array of list-type map")
            return
        identity = item if kind == "set" else map_keys(item or {}, schema)
        place = next((i for i, (other, _) in enumerate(seen) if same(other, identity)), None)
        if place is None:
            seen.append((identity, 1))
            continue
        times = seen[place][1]
        if times == 1:  # each is reported once
            yield FieldError("FieldValueDuplicate", indexed(path, index), identity)
        seen[place] = (identity, times + 1)
