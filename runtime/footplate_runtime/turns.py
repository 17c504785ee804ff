"""Whose turn it is to write what is a replica's: that of its newest start, as ``attempt.json`` in the store says.

A pod on a node that nobody reaches may go on for hours, and its agent with it; the next start must not find its own
checkpoints overwritten by older ones. A turn only goes forward: docs/architecture.md, "Fencing".
"""

from __future__ import annotations

import json
from typing import NamedTuple

from footplate_runtime.changing import change
from footplate_runtime.files import compact_json
from footplate_runtime.orders import Place
from footplate_runtime.store import NotFound, Store

ATTEMPT = "attempt.json"


class Turn(NamedTuple):
    """One start of a replica; later ones are greater."""

    attempt: int
    replacement: int

    @classmethod
    def of(cls, place: Place) -> Turn:
        return cls(place.attempt, place.replacement)


class Holder(NamedTuple):
    """Who may write: a start of the replica and, once its agent has claimed it, the token of that process."""

    turn: Turn
    token: str | None = None


def announce(store: Store, home: str, turn: Turn) -> None:
    """Let all earlier starts of the replica know that this one has begun. Raises ``StoreError``."""
    change(store, home + ATTEMPT, lambda data: _bytes(Holder(turn)) if _holder(data).turn < turn else None)


def claim(store: Store, home: str, mine: Holder) -> Holder:
    """Take the turn, also from an earlier process of the same start; who has it now: a later start keeps it.

    Raises ``StoreError``.
    """
    return _holder(
        change(store, home + ATTEMPT, lambda data: _bytes(mine) if _holder(data).turn <= mine.turn else None)
    )


def holder(store: Store, home: str) -> Holder:
    """Whose turn it is; the first start's when nobody has said anything. Raises ``StoreError``."""
    try:
        return _holder(store.get(home + ATTEMPT))
    except NotFound:
        return _holder(None)


def _bytes(holder: Holder) -> bytes:
    return compact_json({"version": 1, **holder.turn._asdict(), "token": holder.token})


def _holder(data: bytes | None) -> Holder:
    """What cannot be read counts as nothing said."""
    try:
        told = json.loads(data or b"")
        return Holder(Turn(int(told["attempt"]), int(told["replacement"])), told.get("token"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Holder(Turn(1, 0))
