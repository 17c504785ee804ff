"""String formats that schemas may name (Kubernetes: CustomResourceDefinition, "format"); unknown ones always fit."""

from __future__ import annotations

import base64
import ipaddress
import re
import uuid
from collections.abc import Callable
from datetime import date, datetime
from urllib.parse import urlsplit

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_DURATION = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*|0")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_HOSTNAME = re.compile(
    r"(?=.{1,253}\Z)([A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*"
)


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def fits_format(value: str) -> bool:
        try:
            parse(value)
        except ValueError:  # binascii.Error is one too
            return False
        return True

    return fits_format


def _date_time(value: str) -> datetime:
    if not _DATE_TIME.fullmatch(value):
        raise ValueError(value)
    return datetime.fromisoformat(value.upper())


def _uri(value: str) -> None:
    parts = urlsplit(value)
    if not parts.scheme and not value.startswith("/"):
        raise ValueError(value)


_CHECKS: dict[str, Callable[[str], bool]] = {
    "date-time": _parses(_date_time),
    "datetime": _parses(_date_time),
    "date": _parses(date.fromisoformat),
    "duration": lambda value: _DURATION.fullmatch(value) is not None,
    "byte": _parses(lambda value: base64.b64decode(value, validate=True)),
    "uuid": _parses(uuid.UUID),
    "uri": _parses(_uri),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "cidr": _parses(lambda value: ipaddress.ip_network(value, strict=False)),
    "email": lambda value: _EMAIL.fullmatch(value) is not None,
    "hostname": lambda value: _HOSTNAME.fullmatch(value) is not None,
}


def fits(name: str, value: str) -> bool:
    check = _CHECKS.get(name)
    return check is None or check(value)
