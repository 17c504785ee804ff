"""Quantities."""

from __future__ import annotations

from decimal import Decimal

import pytest

from footplate_local.node.resources import parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", Decimal("0.5")), ("2", 2), (3, 3), ("0.5", Decimal("0.5")), ("1Ki", 1024), ("2Gi", 2 << 30),
        ("1k", 1000), ("5M", 5_000_000), ("1e3", 1000), ("1E3", 1000), ("1E", 10**18), ("100n", Decimal("1e-7")),
    ],
)  # fmt: skip
def test_quantities(text: str | int, value: Decimal | int) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "much", "1Xi", "Gi", "1 Gi", "--1"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)
