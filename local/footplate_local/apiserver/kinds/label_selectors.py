"""LabelSelectors of objects (`matchLabels`, `matchExpressions`): as text and as a test of labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JSON = dict[str, Any]
_WORDS = {"In": "in", "NotIn": "notin"}


def text(selector: Any) -> str:
    """As apimachinery writes it (labels.Selector String): `a=b,c in (d,e),!f`. A plain map of labels is one, too."""
    if not isinstance(selector, dict):
        return ""
    plain = not selector.keys() & {"matchLabels", "matchExpressions"}
    labels = selector if plain else selector.get("matchLabels") or {}
    terms = [(key, f"{key}={value}") for key, value in labels.items()]
    for expression in () if plain else selector.get("matchExpressions") or ():
        key, operator = expression["key"], expression["operator"]
        values = ",".join(sorted(expression.get("values") or ()))
        match operator:
            case "Exists":
                shown = key
            case "DoesNotExist":
                shown = f"!{key}"
            case _:
                shown = f"{key} {_WORDS.get(operator, operator)} ({values})"
        terms.append((key, shown))
    return ",".join(shown for _, shown in sorted(terms, key=lambda term: term[0]))


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector picks an object with these labels; an empty one picks all."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], expression.get("values") or ()
        held = {
            "In": key in labels and labels[key] in values,
            "NotIn": key not in labels or labels[key] not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }[expression["operator"]]
        if not held:
            return False
    return True
