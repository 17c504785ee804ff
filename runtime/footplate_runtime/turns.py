"""Whose turn it is to write the outputs of a replica: that of its newest start, as ``attempt.json`` in the store says.

A pod on a node that nobody reaches may go on for hours, and its agent with it; the next start must not find its own
checkpoints overwritten by older ones. A replica's first start needs no such object.
"""

from __future__ import annotations

import json
from typing import NamedTuple

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


def announce(store: Store, home: str, turn: Turn) -> None:
    """Let all earlier starts of the replica know that this one has begun. Raises ``StoreError``."""
    if newest(store, home) < turn:
        store.put(home + ATTEMPT, compact_json({"version": 1, **turn._asdict()}))


def newest(store: Store, home: str) -> Turn:
    """The newest start that was announced; the first when none was. Raises ``StoreError``."""
    try:
        told = json.loads(store.get(home + ATTEMPT))
        return Turn(int(told["attempt"]), int(told["replacement"]))
    except (NotFound, ValueError, KeyError, TypeError):
        return Turn(1, 0)
