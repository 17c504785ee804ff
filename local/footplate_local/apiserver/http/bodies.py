"""Bodies of requests as JSON values that can be stored: whatever was sent, what comes out of here can be encoded.

Sources: Go's encoding/json (invalid UTF-8 and lone surrogates become U+FFFD, integers beyond 64 bits are floats,
nesting is bounded), sigs.k8s.io/yaml and go-yaml (keys become strings, dates stay strings, aliases may not multiply).
"""

from __future__ import annotations

import functools
import json
import math
import re
from typing import Any

from footplate_local.apiserver.errors import bad_request

DEEPEST = 200
"""Levels of lists and objects in a body. Go allows 10,000, but nothing real has more than 60, and code that walks
through objects by calling itself is the simplest."""
_ALIASES = 100_000
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_INT64_DIGITS = 19


def from_json(raw: bytes) -> Any:
    """The value of a JSON text. Raises StatusError 400."""
    try:
        value = json.loads(
            raw.decode(errors="replace"), parse_constant=_no_constant, parse_int=_integer, parse_float=_finite
        )
    except ValueError as error:
        raise bad_request(f"the body is no JSON: {error}") from error
    except RecursionError:
        raise _too_deep() from None
    if raw.count(b"{") + raw.count(b"[") > DEEPEST:
        check_depth(value)
    return without_surrogates(value) if _SURROGATE_ESCAPE.search(raw) else value


def check_depth(value: Any, deepest: int = DEEPEST) -> None:
    """Refuse a value that is nested too deeply. Raises StatusError 400."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(deepest):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> Exception:
    return bad_request(f"the body is nested too deeply: exceeded max depth {DEEPEST}")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _integer(text: str) -> int | float:
    if len(text) <= _INT64_DIGITS + 1:  # int() of long texts takes long
        number = int(text)
        if -(2**63) <= number < 2**63:
            return number
    return _finite(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:20]}… is too large")
    return number


def without_surrogates(value: Any) -> Any:
    """The value with U+FFFD for each half of a surrogate pair, which no encoding can express."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value


# ---------------------------------------------------------------------- YAML


def from_yaml(raw: bytes) -> Any:
    """The value of a YAML document as JSON. Raises StatusError 400."""
    import yaml  # only who sends YAML waits for it

    text = raw.decode(errors="replace")
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_loader()):  # the loader itself may overflow the stack
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > DEEPEST:
                raise _too_deep()
        return _Jsonable(len(raw) + _ALIASES).convert(yaml.load(text, Loader=_loader()), 0)
    except (yaml.YAMLError, ValueError) as error:
        raise bad_request(f"the body is no YAML: {error}") from error


def repeated_keys(raw: bytes) -> list[tuple[int, str]]:
    """Keys of readable YAML that stand in a map already, with their lines."""
    import yaml

    found: list[tuple[int, str]] = []
    seen: set[int] = set()
    nodes = [yaml.compose(raw.decode(errors="replace"), Loader=_loader())]
    while nodes:
        node = nodes.pop()
        if node is None or id(node) in seen:  # aliases are the same node again
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                nodes.append(value)
                if isinstance(key, yaml.ScalarNode):
                    if key.value in names:
                        found.append((key.start_mark.line + 1, key.value))
                    names.add(key.value)
    return sorted(found)


@functools.cache
def _loader() -> Any:
    """PyYAML's safe loader with go-yaml's idea of numbers: no dates, no sexagesimals, `1e3` is a number."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("Loader", (base,), {})
    other = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
    loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in other]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    integer = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*)\Z")
    number = re.compile(
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z|[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z"
    )
    loader.add_implicit_resolver("tag:yaml.org,2002:int", integer, list("-+0123456789"))
    loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789."))
    return loader


class _Jsonable:
    """Turns what a YAML loader gives into JSON; `budget` bounds the values, of which aliases may make a great many."""

    def __init__(self, budget: int) -> None:
        self._budget = budget

    def convert(self, value: Any, depth: int) -> Any:
        """Raises ValueError on what JSON cannot express, and StatusError when it is nested too deeply."""
        self._budget -= 1
        if self._budget < 0:
            raise ValueError("document contains excessive aliasing")
        if depth > DEEPEST:
            raise _too_deep()
        match value:
            case None | bool():
                return value
            case str():
                return without_surrogates(value)
            case int():
                return value if -(2**63) <= value < 2**63 else _finite(f"{value:d}")
            case float():
                if not math.isfinite(value):
                    raise ValueError(f"{value} is no JSON")
                return value
            case bytes():
                return value.decode(errors="replace")
            case list():
                return [self.convert(item, depth + 1) for item in value]
            case dict():
                return {_key(key): self.convert(item, depth + 1) for key, item in value.items()}
        raise ValueError(f"a {type(value).__name__} is no JSON")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str | int | float):
        return _SURROGATES.sub("\ufffd", str(key))
    raise ValueError(f"the key {key} is no string")
