"""Numbers and lists as people read them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from footplate_runtime.contract import byte_size, plural

__all__ = ["byte_size", "listed", "plural"]


def listed(names: Sequence[str], most: int = 4, separator: str = ", ") -> str:
    """`ps-0, ps-1, ps-2, ps-3 and 12 more`."""
    shown = separator.join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
