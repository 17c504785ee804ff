"""What a person is told of an object, in the words of `kubectl describe`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# What becomes of an event: it is recorded; its object had too many; too many waited; the API server did not take it.
RECORDED, LIMITED, DROPPED, REFUSED = OUTCOMES = ("Recorded", "Limited", "Dropped", "Refused")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an object (Kubernetes: Event v1 core)."""

    reason: str
    """One stable CamelCase word."""
    message: str
    """One sentence."""
    action: str
    """What the operator did, or tried to do, in one CamelCase word."""
    warning: bool = False
    """Somebody may have to do something about it."""
    last: bool = False
    """How the object ended: never left out for there being too many."""


def warning(reason: str, message: str, action: str, *, last: bool = False) -> Event:
    """An event of type Warning."""
    return Event(reason, message, action, warning=True, last=last)
