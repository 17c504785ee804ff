"""The part of JSONPath that printer columns, scale subresources and selectable fields use.

Source: k8s.io/client-go/util/jsonpath: `.a.b`, `['a.b']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`, with or without braces.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_STEP = re.compile(
    r"""\.(?P<name>(?:\\.|[^.\[\]\\])+)
      | \[\s*(?P<index>-?\d+)\s*\]
      | \[\s*(?P<all>\*)\s*\]
      | \[\s*'(?P<quoted>[^']*)'\s*\]
      | \[\?\(\s*@\.(?P<field>[\w.\-/]+)\s*(?P<operator>==|!=)\s*(?P<value>"[^"]*"|'[^']*'|[\w.-]+)\s*\)\]
    """,
    re.VERBOSE,
)
Step = tuple[str, Any]


class BadPath(ValueError):
    """The text is no JSONPath of the kind understood here."""


@lru_cache(maxsize=1024)
def parse(path: str) -> tuple[Step, ...]:
    """The steps of a path. Raises BadPath."""
    text = path.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    text = text.removeprefix("$")
    if text and text[0] not in ".[":
        text = "." + text
    steps: list[Step] = []
    position = 0
    while position < len(text) and text[position:] != ".":
        match = _STEP.match(text, position)
        if match is None:
            raise BadPath(f"cannot read {path!r} from {text[position:]!r} on")
        steps.append(_step(match))
        position = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["name"] is not None:
        name = re.sub(r"\\(.)", r"\1", match["name"])
        return ("all", None) if name == "*" else ("name", name)
    if match["index"] is not None:
        return ("index", int(match["index"]))
    if match["quoted"] is not None:
        return ("name", match["quoted"])
    if match["all"] is not None:
        return ("all", None)
    return ("filter", (match["field"].split("."), match["operator"] == "==", match["value"].strip("\"'")))


def find(value: Any, path: str) -> list[Any]:
    """All values that the path leads to; none when a part of it is missing."""
    found = [value]
    for kind, argument in parse(path):
        found = [inner for item in found for inner in _take(item, kind, argument)]
    return found


def first(value: Any, path: str) -> Any:
    """The first value that the path leads to, or None."""
    found = find(value, path)
    return found[0] if found else None


def _take(value: Any, kind: str, argument: Any) -> list[Any]:
    if kind == "name":
        return [value[argument]] if isinstance(value, dict) and argument in value else []
    if kind == "index":
        return [value[argument]] if isinstance(value, list) and -len(value) <= argument < len(value) else []
    if kind == "all":
        if isinstance(value, dict):
            return list(value.values())
        return list(value) if isinstance(value, list) else []
    names, equal, wanted = argument
    return [item for item in value if (_text(item, names) == wanted) is equal] if isinstance(value, list) else []


def _text(value: Any, names: list[str]) -> str | None:
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return str(value).lower() if isinstance(value, bool) else str(value)
