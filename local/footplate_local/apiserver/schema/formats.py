"""String formats that schemas may name; unknown ones always fit.

Source: kube-openapi pkg/validation/strfmt and apiextensions-apiserver pkg/apiserver/validation/formats.go (v1.34). A
name counts without its dashes: `date-time` is `datetime`.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable
from datetime import date
from email.utils import parseaddr

from footplate_local.apiserver.schema import patterns

_GO_DURATION = re.compile(r"[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_SCALA_DURATION = re.compile(r"\d+\s*([A-Za-zµ]+)")
_SCALA_UNITS = ("nano", "micro", "milli", "sec", "min", "hour", "day", "week")
_SHORT_UNITS = {"ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk"}
_TIME = re.compile(r"(\d{2}):(\d{2}):(\d{2})(.\d+)?(z|[+-]\d{2}:\d{2})")
_HEX = "[0-9a-f]"
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_HOSTNAME = (
    r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|"
    r"([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$"
)
_CREDIT_CARD = (
    r"(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|(222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}|"
    r"6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11}|"
    r"6[27][0-9]{14})"
)
_COLOR_PART = r"(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])"


def _matches(expression: str, flags: int = 0) -> Callable[[str], bool]:
    compiled = re.compile(expression, flags)
    return lambda value: compiled.fullmatch(value) is not None


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def fits_format(value: str) -> bool:
        try:
            parse(value)
        except ValueError:  # binascii.Error is one too
            return False
        return True

    return fits_format


def _uuid(version: str, variant: str) -> Callable[[str], bool]:
    return _matches(f"{_HEX}{{8}}-?{_HEX}{{4}}-?{version}-?{variant}-?{_HEX}{{12}}", re.IGNORECASE)


def _is_date(value: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None and _parses(date.fromisoformat)(value)


def _is_date_time(value: str) -> bool:
    day, _, time = value.lower().partition("t")
    found = _TIME.fullmatch(time)
    return _is_date(day) and found is not None and found[1] <= "23" and found[2] <= "59" and found[3] <= "59"


def _is_duration(value: str) -> bool:
    """As Go's time.ParseDuration, or anywhere in the text a number with a unit such as `2 days`."""
    if _GO_DURATION.fullmatch(value):
        return True
    units = [unit.lower() for unit in _SCALA_DURATION.findall(value)]
    return any(unit in _SHORT_UNITS or unit.startswith(_SCALA_UNITS) for unit in units)


def _is_hostname(value: str) -> bool:
    fits_pattern = patterns.compiled(_HOSTNAME).search(value) is not None
    return fits_pattern and len(value.encode()) <= 255 and all(len(part.encode()) <= 63 for part in value.split("."))


def _is_email(value: str) -> bool:
    name, address = parseaddr(value)
    local, at, domain = address.rpartition("@")
    whole = value == address or (bool(name) and value.rstrip().endswith(">"))
    return whole and bool(local and at and domain) and not re.search(r"\s", address)


def _is_request_uri(value: str) -> bool:
    """As Go's url.ParseRequestURI: an absolute URI or an absolute path."""
    if not value or re.search(r"[\x00-\x20\x7f]", value) or re.search(r"%(?![0-9A-Fa-f]{2})", value):
        return False
    return value.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", value) is not None


def _is_isbn10(value: str) -> bool:
    digits = re.sub(r"[\s-]+", "", value)
    if not re.fullmatch(r"\d{9}[\dX]", digits):
        return False
    return sum((10 - i) * (10 if digit == "X" else int(digit)) for i, digit in enumerate(digits)) % 11 == 0


def _is_isbn13(value: str) -> bool:
    digits = re.sub(r"[\s-]+", "", value)
    return re.fullmatch(r"\d{13}", digits) is not None and (
        sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(digits)) % 10 == 0
    )


def _is_credit_card(value: str) -> bool:
    digits = re.sub(r"\D+", "", value)
    if not re.fullmatch(_CREDIT_CARD, digits):
        return False
    doubled = [int(digit) * (2 if i % 2 else 1) for i, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _is_ipv4(value: str) -> bool:
    return "." in value and _parses(ipaddress.IPv4Address)(value)


def _is_cidr(value: str) -> bool:
    return "/" in value and _parses(lambda text: ipaddress.ip_interface(text))(value)


_MAC = "|".join(
    f"{_HEX}{{{size}}}([{separators}]{_HEX}{{{size}}}){{{count}}}"
    for size, separators, counts in ((2, ":", (5, 7, 19)), (2, "-", (5, 7, 19)), (4, ".", (2, 3, 9)))
    for count in counts
)

_CHECKS: dict[str, Callable[[str], bool]] = {
    "bsonobjectid": _matches(f"{_HEX}{{24}}", re.IGNORECASE),
    "uri": _is_request_uri,
    "email": _is_email,
    "hostname": _is_hostname,
    "ipv4": _is_ipv4,
    "ipv6": lambda value: ":" in value and _parses(ipaddress.IPv6Address)(value),
    "cidr": _is_cidr,
    "mac": _matches(_MAC, re.IGNORECASE),
    "uuid": _uuid(f"{_HEX}{{4}}", f"{_HEX}{{4}}"),
    "uuid3": _uuid(f"3{_HEX}{{3}}", f"{_HEX}{{4}}"),
    "uuid4": _uuid(f"4{_HEX}{{3}}", f"[89ab]{_HEX}{{3}}"),
    "uuid5": _uuid(f"5{_HEX}{{3}}", f"[89ab]{_HEX}{{3}}"),
    "isbn": lambda value: _is_isbn10(value) or _is_isbn13(value),
    "isbn10": _is_isbn10,
    "isbn13": _is_isbn13,
    "creditcard": _is_credit_card,
    "ssn": _matches(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    "hexcolor": _matches(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "rgbcolor": _matches(rf"rgb\(\s*{_COLOR_PART}\s*,\s*{_COLOR_PART}\s*,\s*{_COLOR_PART}\s*\)"),
    "byte": _parses(lambda value: base64.b64decode(value, validate=True)),
    "password": lambda value: True,
    "date": _is_date,
    "duration": _is_duration,
    "datetime": _is_date_time,
    "k8sshortname": lambda value: len(value) <= 63 and re.fullmatch(_LABEL, value) is not None,
    "k8slongname": lambda value: len(value) <= 253 and re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", value) is not None,
}
_NUMBERS = {"integer": ("int32", "int64"), "number": ("float", "double")}


def is_known(name: str, kind: str) -> bool:
    """Whether a format means something for a type; others are ignored, with a warning when a CRD names them."""
    if kind in ("", "string"):
        return name.replace("-", "") in _CHECKS
    return name in _NUMBERS.get(kind, ())


def fits(name: str, value: str) -> bool:
    check = _CHECKS.get(name.replace("-", ""))
    return check is None or check(value)
