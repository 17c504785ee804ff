"""Functions that Kubernetes adds to CEL: strings, lists, regular expressions, quantities, URLs, addresses.

Source: Kubernetes documentation "Common Expression Language in Kubernetes". Methods get their target as first argument.
A quantity is, inside an expression, a map with one key, so that it cannot be mistaken for a number.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from footplate_local.apiserver.schema.quantity import parse_quantity

_QUANTITY = "\0quantity"
_URL = "\0url"


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if not 0 <= start <= stop <= len(text):
        raise ValueError(f"invalid substring range. start: {start}, end: {stop}")
    return text[start:stop]


def _replace(text: str, old: str, new: str, limit: int = -1) -> str:
    return text.replace(old, new, limit)


def _split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if limit == 1:
        return [text]
    return list(text) if separator == "" else text.split(separator, limit - 1 if limit > 0 else -1)


def _index(value: Any, wanted: Any, start: int = 0) -> int:
    if isinstance(value, str):
        return value.find(wanted, start)
    return next((i for i, item in enumerate(value) if item == wanted), -1)


def _last_index(value: Any, wanted: Any) -> int:
    if isinstance(value, str):
        return value.rfind(wanted)
    return next((i for i in range(len(value) - 1, -1, -1) if value[i] == wanted), -1)


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise ValueError(f"index out of range: {index}")
    return text[index : index + 1]


def _format(template: str, values: list[Any]) -> str:
    rest = iter(values)
    return re.sub(
        r"%(?:\.\d+)?[sdfbxXoe%]", lambda match: "%" if match[0] == "%%" else _formatted(match[0], next(rest)), template
    )


def _formatted(directive: str, value: Any) -> str:
    if directive == "%s":
        return "true" if value is True else "false" if value is False else str(value)
    if directive == "%b":
        return format(value, "b")
    return str(directive % value)


def _find(text: str, expression: str) -> str:
    match = re.search(expression, text)
    return match[0] if match else ""


def _find_all(text: str, expression: str, limit: int = -1) -> list[str]:
    found = [match[0] for match in re.finditer(expression, text)]
    return found if limit < 0 else found[:limit]


def _quantity(text: str) -> dict[str, str]:
    return {_QUANTITY: str(parse_quantity(text))}


def _amount(value: Any) -> Decimal:
    return Decimal(value[_QUANTITY]) if isinstance(value, dict) else Decimal(str(value))


def _wrapped(amount: Decimal) -> dict[str, str]:
    return {_QUANTITY: str(amount)}


def _as_integer(value: Any) -> int:
    amount = _amount(value)
    if amount % 1:
        raise ValueError(f"cannot convert value {amount} to integer")
    return int(amount)


def _compare(left: Any, right: Any) -> int:
    first, second = _amount(left), _amount(right)
    return (first > second) - (first < second)


def _succeeds(function: Callable[..., Any]) -> Callable[..., bool]:
    def works(*arguments: Any) -> bool:
        try:
            function(*arguments)
        except ValueError:
            return False
        return True

    return works


def _url(text: str) -> dict[str, str]:
    parts = urlsplit(text)
    if not (parts.scheme or text.startswith("/")):
        raise ValueError(f"URL parse error during conversion from string: {text}")
    return {_URL: text}


def _ip(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _cidr(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "charAt": _char_at,
    "indexOf": _index,
    "lastIndexOf": _last_index,
    "lowerAscii": str.lower,
    "upperAscii": str.upper,
    "replace": _replace,
    "split": _split,
    "substring": _substring,
    "trim": str.strip,
    "join": lambda items, separator="": separator.join(items),
    "format": _format,
    "find": _find,
    "findAll": _find_all,
    "isSorted": lambda items: all(items[i] <= items[i + 1] for i in range(len(items) - 1)),
    "sum": sum,
    "quantity": _quantity,
    "isQuantity": _succeeds(parse_quantity),
    "isGreaterThan": lambda left, right: _compare(left, right) > 0,
    "isLessThan": lambda left, right: _compare(left, right) < 0,
    "compareTo": _compare,
    "sign": lambda value: _compare(value, 0),
    "isInteger": lambda value: _amount(value) % 1 == 0,
    "asInteger": _as_integer,
    "asApproximateFloat": lambda value: float(_amount(value)),
    "add": lambda left, right: _wrapped(_amount(left) + _amount(right)),
    "sub": lambda left, right: _wrapped(_amount(left) - _amount(right)),
    "url": _url,
    "isURL": _succeeds(_url),
    "getScheme": lambda url: urlsplit(url[_URL]).scheme,
    "getHost": lambda url: urlsplit(url[_URL]).netloc,
    "getHostname": lambda url: urlsplit(url[_URL]).hostname or "",
    "getPort": lambda url: str(urlsplit(url[_URL]).port or ""),
    "getEscapedPath": lambda url: urlsplit(url[_URL]).path,
    "getQuery": lambda url: parse_qs(urlsplit(url[_URL]).query),
    "ip": _ip,
    "isIP": _succeeds(_ip),
    "cidr": _cidr,
    "isCIDR": _succeeds(_cidr),
}
