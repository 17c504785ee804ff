"""Kubernetes quantities: `500m`, `2Gi`, `1e3` (apimachinery pkg/api/resource)."""

from __future__ import annotations

import decimal
import re
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,9})|([numkMGTPE]|[KMGTPE]i))?", re.ASCII)
_DECIMAL = dict(zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True))
_BINARY = {f"{letter}i": power for power, letter in enumerate("KMGTPE", start=1)}
_LARGEST = Decimal(2**63 - 1)
_EXACT = decimal.Context(prec=400, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, rounding=decimal.ROUND_UP)


def parse_quantity(text: str) -> Decimal:
    """The number that a quantity stands for. Raises ValueError."""
    return _read(text)[0]


def _read(text: str) -> tuple[Decimal, str]:
    """The number and its suffix: none, `e` for an exponent, a decimal or a binary one."""
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None or len(match[1]) > 300:
        raise ValueError(f"{text!r} is not a Kubernetes quantity like 500m, 2Gi or 4")
    number, exponent, suffix = match.groups()
    value = Decimal(number + (exponent or ""))
    if suffix in _DECIMAL:
        value = value.scaleb(_DECIMAL[suffix], _EXACT)
    elif suffix:
        value = _EXACT.multiply(value, Decimal(1024) ** _BINARY[suffix])
    return value, "e" if exponent else suffix or ""


def canonical(text: str) -> str:
    """The form in which the API server gives a quantity back: no fraction, the largest fitting suffix.

    `0.5` is `500m`, `1000m` is `1`, `1024Mi` is `1Gi`; what is finer than a billionth is rounded up. Raises ValueError.
    """
    value, suffix = _read(text)
    if value.copy_abs() > _LARGEST:
        value = _LARGEST.copy_sign(value)
    if suffix in _BINARY and value.copy_abs() >= 1024:
        whole, power = int(value.to_integral_value(decimal.ROUND_UP)), 0
        while whole % 1024 == 0 and power < len(_BINARY):
            whole, power = whole // 1024, power + 1
        return f"{whole}{list(_BINARY)[power - 1] if power else ''}"
    nanos = int(_EXACT.multiply(value, Decimal(10**9)).to_integral_value(decimal.ROUND_UP))
    power = -9
    while nanos and nanos % 1000 == 0 and power < 18:
        nanos, power = nanos // 1000, power + 3
    if not nanos:
        return "0"
    if suffix == "e":
        return f"{nanos}e{power}" if power else str(nanos)
    names = {power: letter for letter, power in _DECIMAL.items()}
    return f"{nanos}{names.get(power, '')}"
