"""Functions that Kubernetes adds to CEL: strings, lists, regular expressions, quantities, URLs, addresses, versions.

Source: Kubernetes documentation "Common Expression Language in Kubernetes" and apiserver pkg/cel/library. Methods get
their target as first argument. A value of a type that CEL does not have is, inside an expression, a map with a mark,
so that it cannot be mistaken for anything else. A ValueError is an evaluation error of the rule.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from footplate.quantity import parse_quantity
from footplate_local.apiserver.objects import names
from footplate_local.apiserver.schema import formats, patterns

JSON = dict[str, Any]
_KIND, _VALUE = "\ue000kind", "value"


def _made(kind: str, value: str) -> JSON:
    return {_KIND: kind, _VALUE: value}


# ------------------------------------------------------------------ strings


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
    if separator == "":
        pieces = list(text)
        return pieces if limit < 0 else [*pieces[: limit - 1], "".join(pieces[limit - 1 :])]
    return text.split(separator, limit - 1 if limit > 0 else -1)


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise ValueError(f"index out of range: {index}")
    return text[index : index + 1]


def _ascii(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "".join(change(letter) if letter.isascii() else letter for letter in text)


def _format(template: str, values: list[Any]) -> str:
    rest = iter(values)

    def one(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        try:
            return _formatted(match[0], next(rest))
        except StopIteration:
            raise ValueError("index out of range") from None
        except TypeError as error:
            raise ValueError(f"could not convert argument for {match[0]}: {error}") from None

    return re.sub(r"%(?:\.\d+)?[sdfbxXoe%]", one, template)


def _formatted(directive: str, value: Any) -> str:
    if directive == "%s":
        return _text(value)
    if directive == "%b":
        return format(int(value), "b")
    if directive in ("%f", "%e"):
        directive = f"%.6{directive[1]}"
    return str(directive % value)


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case list():
            return "[" + ", ".join(_text(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_text(key)}: {_text(item)}" for key, item in sorted(value.items())) + "}"
        case float() if value.is_integer():
            return str(int(value))
    return str(value)


def _find(text: str, expression: str) -> str:
    match = patterns.compiled(expression).search(text)
    return match.group(0) if match else ""


def _find_all(text: str, expression: str, limit: int = -1) -> list[str]:
    found = [match.group(0) for match in patterns.compiled(expression).finditer(text)]
    return found if limit < 0 else found[:limit]


# ------------------------------------------------------------------ strings and lists


def _index(value: Any, wanted: Any, start: int = 0) -> int:
    if isinstance(value, str):
        return value.find(wanted, start)
    return next((i for i, item in enumerate(value) if item == wanted), -1)


def _last_index(value: Any, wanted: Any, start: int | None = None) -> int:
    if isinstance(value, str):
        return value.rfind(wanted) if start is None else value.rfind(wanted, 0, start + len(wanted))
    return next((i for i in range(len(value) - 1, -1, -1) if value[i] == wanted), -1)


def _extreme(name: str, choose: Callable[..., Any]) -> Callable[[list[Any]], Any]:
    def of(items: list[Any]) -> Any:
        if not items:
            raise ValueError(f"{name} called on empty list")
        return choose(items)

    return of


def _slice(items: list[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(items):
        raise ValueError(f"cannot slice({start}, {end}), list is length {len(items)}")
    return items[start:end]


def _flatten(items: list[Any], depth: int = 1) -> list[Any]:
    found: list[Any] = []
    for item in items:
        found += _flatten(item, depth - 1) if isinstance(item, list) and depth > 0 else [item]
    return found


def _distinct(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def _contains(left: list[Any], right: list[Any]) -> bool:
    return all(item in left for item in right)


# ------------------------------------------------------------------ quantities and versions


def _quantity(text: str) -> JSON:
    return _wrapped(parse_quantity(text))


def _amount(value: Any) -> Decimal:
    return Decimal(value[_VALUE]) if isinstance(value, dict) else Decimal(value)


def _wrapped(amount: Decimal) -> JSON:
    return _made("quantity", format(amount.normalize(), "f"))


def _as_integer(value: Any) -> int:
    amount = _amount(value)
    if amount % 1:
        raise ValueError("cannot convert value to integer")
    return int(amount)


_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-.]+)?"
)


def _semver(text: str, normalize: bool = False) -> JSON:
    """A semantic version; `normalize`: a leading v, missing minor and patch numbers and leading zeros are put right."""
    if normalize:
        core, mark, rest = re.fullmatch(r"([^-+]*)([-+]?)(.*)", text.removeprefix("v"), re.DOTALL).groups()  # type: ignore[union-attr]
        numbers = [part.lstrip("0") or "0" for part in core.split(".")]
        text = ".".join([*numbers, "0", "0"][: max(3, len(numbers))]) + mark + rest
    if not _VERSION.fullmatch(text):
        raise ValueError(f"semver parse error: {text!r} is not a semantic version")
    return _made("semver", text)


def _version(value: JSON) -> tuple[Any, ...]:
    """Sorts as the semantic versioning specification says: a release comes after its pre-releases."""
    match = _VERSION.fullmatch(value[_VALUE])
    assert match is not None, "checked when it was made"
    stages = (match[4] or "").split(".")
    order = [(0, int(stage), "") if stage.isdigit() else (1, 0, stage) for stage in stages]
    return (int(match[1]), int(match[2]), int(match[3]), match[4] is None, order)


def _compare(left: JSON, right: JSON) -> int:
    first, second = (_version(left), _version(right)) if left[_KIND] == "semver" else (_amount(left), _amount(right))
    return (first > second) - (first < second)  # type: ignore[operator]


def _succeeds(function: Callable[..., Any]) -> Callable[..., bool]:
    def works(*arguments: Any) -> bool:
        try:
            function(*arguments)
        except ValueError:
            return False
        return True

    return works


# ------------------------------------------------------------------ URLs and addresses


def _url(text: str) -> JSON:
    if not formats.fits("uri", text):
        raise ValueError(f"URL parse error during conversion from string: {text}")
    return _made("url", text)


def _host(url: JSON) -> str:
    return urlsplit(url[_VALUE]).netloc.rpartition("@")[2]


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def _parsed_ip(text: str) -> Address:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address.scope_id):
        raise ValueError(f"IP Address {text!r} is an IPv4-mapped address or has a zone")
    return address


def _ip(value: Any) -> JSON:
    """`ip("…")`, or the address of a CIDR."""
    return _made("ip", str(_parsed_cidr(value).ip) if isinstance(value, dict) else str(_parsed_ip(value)))


def _address(value: Any) -> Address:
    return _parsed_ip(value[_VALUE] if isinstance(value, dict) else value)


def _parsed_cidr(value: Any) -> Interface:
    text = value[_VALUE] if isinstance(value, dict) else value
    if "/" not in text:
        raise ValueError(f"network address parse error during conversion from string: {text!r}: no '/'")
    return ipaddress.ip_interface(text)


def _contains_cidr(outer: JSON, inner: Any) -> bool:
    first, second = _parsed_cidr(outer).network, _parsed_cidr(inner).network
    return first.version == second.version and second.subnet_of(first)  # type: ignore[arg-type]


_LINK_LOCAL_MULTICAST: dict[int, Any] = {4: ipaddress.ip_network("224.0.0.0/24"), 6: ipaddress.ip_network("ff02::/16")}


def _is_global(value: JSON) -> bool:
    address = _address(value)
    plain = not (address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local)
    return plain and address != ipaddress.ip_address("255.255.255.255")


# ------------------------------------------------------------------ formats


def _without_dash(check: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """A prefix of a generated name may end with a dash."""
    return lambda text: check(text[:-1] + "a" if text.endswith("-") else text)


def _format_check(name: str) -> Callable[[str], list[str]]:
    return lambda text: [] if formats.fits(name, text) else [f"invalid {name}"]


_FORMATS: dict[str, Callable[[str], list[str]]] = {
    "dns1123Label": names.dns_label,
    "dns1123Subdomain": names.subdomain,
    "dns1035Label": names.service_name,
    "qualifiedName": names.label_key,
    "dns1123LabelPrefix": _without_dash(names.dns_label),
    "dns1123SubdomainPrefix": _without_dash(names.subdomain),
    "dns1035LabelPrefix": _without_dash(names.service_name),
    "labelValue": names.label_value,
    "uri": _format_check("uri"),
    "uuid": _format_check("uuid"),
    "byte": _format_check("byte"),
    "date": _format_check("date"),
    "datetime": _format_check("datetime"),
}


def _validate(checked: JSON, text: str) -> list[list[str]]:
    problems = _FORMATS[checked[_VALUE]](text)
    return [problems] if problems else []


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "charAt": _char_at,
    "indexOf": _index,
    "lastIndexOf": _last_index,
    "lowerAscii": _ascii(str.lower),
    "upperAscii": _ascii(str.upper),
    "replace": _replace,
    "split": _split,
    "substring": _substring,
    "trim": str.strip,
    "format": _format,
    "strings.quote": lambda text: json.dumps(text, ensure_ascii=False),
    "join": lambda items, separator="": separator.join(items),
    "find": _find,
    "findAll": _find_all,
    "isSorted": lambda items: all(items[i] <= items[i + 1] for i in range(len(items) - 1)),
    "sum": sum,
    "min": _extreme("min", min),
    "max": _extreme("max", max),
    "slice": _slice,
    "flatten": _flatten,
    "distinct": _distinct,
    "reverse": lambda items: items[::-1],
    "sort": sorted,
    "lists.range": lambda size: list(range(size)),
    "sets.contains": _contains,
    "sets.equivalent": lambda left, right: _contains(left, right) and _contains(right, left),
    "sets.intersects": lambda left, right: any(item in left for item in right),
    "quantity": _quantity,
    "isQuantity": _succeeds(parse_quantity),
    "isGreaterThan": lambda left, right: _compare(left, right) > 0,
    "isLessThan": lambda left, right: _compare(left, right) < 0,
    "compareTo": _compare,
    "sign": lambda value: (_amount(value) > 0) - (_amount(value) < 0),
    "isInteger": lambda value: _amount(value) % 1 == 0,
    "asInteger": _as_integer,
    "asApproximateFloat": lambda value: float(_amount(value)),
    "add": lambda left, right: _wrapped(_amount(left) + _amount(right)),
    "sub": lambda left, right: _wrapped(_amount(left) - _amount(right)),
    "semver": _semver,
    "isSemver": _succeeds(_semver),
    "major": lambda value: _version(value)[0],
    "minor": lambda value: _version(value)[1],
    "patch": lambda value: _version(value)[2],
    "url": _url,
    "isURL": _succeeds(_url),
    "getScheme": lambda url: urlsplit(url[_VALUE]).scheme,
    "getHost": _host,
    "getHostname": lambda url: urlsplit(url[_VALUE]).hostname or "",
    "getPort": lambda url: str(urlsplit(url[_VALUE]).port or ""),
    "getEscapedPath": lambda url: urlsplit(url[_VALUE]).path,
    "getQuery": lambda url: parse_qs(urlsplit(url[_VALUE]).query, keep_blank_values=True),
    "ip": _ip,
    "isIP": _succeeds(_ip),
    "ip.isCanonical": lambda text: str(_parsed_ip(text)) == text,
    "family": lambda value: _address(value).version,
    "isUnspecified": lambda value: _address(value).is_unspecified,
    "isLoopback": lambda value: _address(value).is_loopback,
    "isLinkLocalMulticast": lambda value: _address(value) in _LINK_LOCAL_MULTICAST[_address(value).version],
    "isLinkLocalUnicast": lambda value: _address(value).is_link_local,
    "isGlobalUnicast": _is_global,
    "cidr": lambda text: _made("cidr", str(_parsed_cidr(text))),
    "isCIDR": _succeeds(_parsed_cidr),
    "containsIP": lambda cidr, value: _address(value) in _parsed_cidr(cidr).network,
    "containsCIDR": _contains_cidr,
    "masked": lambda cidr: _made("cidr", str(_parsed_cidr(cidr).network)),
    "prefixLength": lambda cidr: _parsed_cidr(cidr).network.prefixlen,
    "format.named": lambda name: _made("format", name),
    "format.__named": lambda name: [_made("format", name)] if name in _FORMATS else [],
    "validate": _validate,
    "__validate": _validate,
    **{f"format.{name}": lambda name=name: _made("format", name) for name in _FORMATS},
}
