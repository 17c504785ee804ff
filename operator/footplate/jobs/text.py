"""Numbers as people read them. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str], most: int = 4, separator: str = ", ") -> str:
    """`ps-0, ps-1, ps-2, ps-3 and 12 more`."""
    shown = separator.join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def byte_size(number: int) -> str:
    """Bytes as people read them: 81234 is 81.2 kB."""
    value, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
