"""Checks of values that many kinds have: names, numbers, quantities, choices, label selectors.

Each takes a value and the path of its field and gives what is wrong with it. Source: kubernetes
pkg/apis/core/validation/validation.go and apimachinery pkg/util/validation, pkg/apis/meta/v1/validation.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from footplate.quantity import parse_quantity
from footplate_local.apiserver.errors import FieldError, field_forbidden, invalid_value, not_supported, required
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
Errors = Iterator[FieldError]

NOT_NEGATIVE = "must be greater than or equal to 0"
IMMUTABLE = "field is immutable"
LARGEST_INT32 = 2**31 - 1
PROTOCOLS = ("SCTP", "TCP", "UDP")
_PORT_NAME = re.compile(r"[-a-z0-9]+")
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_ENV_NAME = re.compile(r"[ -<>-~]+")
_HEADER_NAME = re.compile(r"[-A-Za-z0-9]+")


def duplicate(path: str, value: Any) -> FieldError:
    return FieldError("FieldValueDuplicate", path, value)


def not_found(path: str, value: Any) -> FieldError:
    return FieldError("FieldValueNotFound", path, value)


def too_long(path: str, most: int) -> FieldError:
    return FieldError("FieldValueTooLong", path, detail=f"may not be more than {most} bytes")


def by(rule: Callable[[str], Iterable[str]], value: Any, path: str) -> Errors:
    """A value that must follow a rule of names."""
    for text in rule(value):
        yield invalid_value(path, value, text)


def needed(value: Any, path: str, rule: Callable[[str], Iterable[str]] | None = None) -> Errors:
    """A text that must be there and, when it is, follow a rule."""
    if not value:
        yield required(path)
    elif rule is not None:
        yield from by(rule, value, path)


def one_of(value: Any, allowed: Sequence[str], path: str) -> Errors:
    """A choice that must be made."""
    if not value:
        yield required(path)
    elif value not in allowed:
        yield not_supported(path, value, allowed)


def maybe_one_of(value: Any, allowed: Sequence[str], path: str) -> Errors:
    """A choice that may be left open."""
    if value is not None and value not in allowed:
        yield not_supported(path, value, allowed)


def not_negative(value: int | None, path: str) -> Errors:
    if value is not None and value < 0:
        yield invalid_value(path, value, NOT_NEGATIVE)


def between(value: int | None, low: int, high: int, path: str) -> Errors:
    if value is not None and not low <= value <= high:
        yield invalid_value(path, value, f"must be between {low} and {high}, inclusive")


def port_number(value: int, path: str) -> Errors:
    yield from between(value, 1, 65535, path)


def port_name(value: str) -> list[str]:
    """Problems of the name of a port (IsValidPortName)."""
    problems = []
    if len(value) > 15:
        problems.append("must be no more than 15 characters")
    if not _PORT_NAME.fullmatch(value):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        problems.append("must contain at least one letter (a-z)")
    if "--" in value:
        problems.append("must not contain consecutive hyphens")
    if value and (value[0] == "-" or value[-1] == "-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def port(value: int | str, path: str) -> Errors:
    """A port given by its number or its name."""
    if isinstance(value, int):
        yield from port_number(value, path)
    else:
        yield from by(port_name, value, path)


def data_key(value: str) -> list[str]:
    """Problems of a key of a ConfigMap or Secret (IsConfigMapKey)."""
    problems = []
    if len(value) > 253:
        problems.append("must be no more than 253 characters")
    if not _DATA_KEY.fullmatch(value):
        problems.append(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
            "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
        )
    if value == ".":
        problems.append("must not be '.'")
    elif value == "..":
        problems.append("must not be '..'")
    elif value.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def env_name(value: str) -> list[str]:
    """Problems of the name of an environment variable (IsRelaxedEnvVarName)."""
    if _ENV_NAME.fullmatch(value):
        return []
    return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]


def header_name(value: str) -> list[str]:
    """Problems of the name of an HTTP header (IsHTTPHeaderName)."""
    if _HEADER_NAME.fullmatch(value):
        return []
    return [
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for "
        "validation is '[-A-Za-z0-9]+')"
    ]


def address(value: str, path: str) -> Errors:
    """An IP address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        yield invalid_value(path, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")


def quantity(value: str, path: str, *, positive: bool = False) -> Errors:
    number = parse_quantity(value)
    if positive and number <= 0:
        yield invalid_value(path, value, "must be greater than zero")
    elif number < 0:
        yield invalid_value(path, value, NOT_NEGATIVE)


def relative_path(value: str, path: str) -> Errors:
    """A path that stays below where it begins (validateLocalDescendingPath)."""
    if value.startswith("/"):
        yield invalid_value(path, value, "must be a relative path")
    yield from no_steps_back(value, path)


def no_steps_back(value: str, path: str) -> Errors:
    if ".." in value.split("/"):
        yield invalid_value(path, value, "must not contain '..'")


def labels(values: Mapping[str, str] | None, path: str) -> Errors:
    for key, value in (values or {}).items():
        yield from by(names.label_key, key, path)
        yield from by(names.label_value, value, path)


def label_selector(selector: JSON | None, path: str) -> Errors:
    """A LabelSelector (ValidateLabelSelector)."""
    if not selector:
        return
    yield from labels(selector.get("matchLabels"), f"{path}.matchLabels")
    for index, expression in enumerate(selector.get("matchExpressions") or ()):
        where = f"{path}.matchExpressions[{index}]"
        operator, values = expression.get("operator", ""), expression.get("values") or []
        if operator in ("In", "NotIn"):
            if not values:
                yield required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield field_forbidden(f"{where}.values", text)
        else:
            yield invalid_value(f"{where}.operator", operator, "not a valid selector operator")
        yield from by(names.label_key, expression.get("key", ""), f"{where}.key")
        for place, value in enumerate(values):
            yield from by(names.label_value, value, f"{where}.values[{place}]")


def unchanged(new: Any, old: Any, path: str) -> Errors:
    """A field that nothing may change."""
    if new != old:
        yield invalid_value(path, new, IMMUTABLE)


def count_or_percent(value: int | str, path: str) -> Errors:
    """A number of pods or a share of them."""
    if isinstance(value, int):
        yield from not_negative(value, path)
    elif not re.fullmatch("[0-9]+%", value):
        yield invalid_value(path, value, "a valid percent string must be a numeric string followed by an ending '%'")
