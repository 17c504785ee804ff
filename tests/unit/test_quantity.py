"""Quantities: what they stand for, and the form in which the API server gives them back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from footplate.quantity import canonical, parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", Decimal("0.5")), ("2", 2), ("0.5", Decimal("0.5")), ("1Ki", 1024), ("2Gi", 2 << 30),
        ("1k", 1000), ("5M", 5_000_000), ("1e3", 1000), ("1E3", 1000), ("1E", 10**18), ("100n", Decimal("1e-7")),
    ],
)  # fmt: skip
def test_quantities(text: str, value: Decimal | int) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "much", "1Xi", "Gi", "1 Gi", "--1", "1e", "1" * 400, "1e9999999999"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is not a Kubernetes quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.5", "500m"), ("1000m", "1"), ("1", "1"), ("2000", "2k"), ("128974848", "128974848"), ("0", "0"),
        ("-5", "-5"), ("1k", "1k"), ("1e3", "1e3"), ("1e2", "100"), ("12e6", "12e6"),
        ("1024Mi", "1Gi"), ("1500Mi", "1500Mi"), ("1.5Gi", "1536Mi"), ("0.5Gi", "512Mi"), ("1000Ki", "1000Ki"),
        ("0.5Ki", "512"), ("5Ti", "5Ti"),
        ("0.1n", "1n"), ("1e-999999999", "1e-9"),  # nothing is finer than a billionth
        ("1e999999999", "9223372036854775807"), ("9999999999Ei", "9223372036854775807"),
    ],
)  # fmt: skip
def test_the_canonical_form(text: str, shown: str) -> None:
    assert canonical(text) == shown
