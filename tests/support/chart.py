"""The chart, rendered by Helm."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

CHART = Path(__file__).parents[2] / "charts" / "footplate"
STORE = "s3://bucket/prefix"
NAMESPACE = "footplate-system"
NOTHING = "(there is no such thing)"

JSON = dict[str, Any]


class Rendered:
    """What `helm template` makes of some values. Not to be changed: it is shared."""

    def __init__(self, files: dict[str, str]) -> None:
        self.notes = files.pop("footplate/templates/NOTES.txt")
        self.manifests: list[JSON] = [item for text in files.values() for item in _parsed(text)]

    def of_kind(self, kind: str) -> list[JSON]:
        return [item for item in self.manifests if item["kind"] == kind]

    def one(self, kind: str, name: str = "footplate-operator") -> JSON:
        (found,) = [item for item in self.of_kind(kind) if item["metadata"]["name"] == name]
        return found

    @property
    def settings(self) -> JSON:
        found: JSON = yaml.safe_load(self.settings_text)
        return found

    @property
    def settings_text(self) -> str:
        text: str = self.one("ConfigMap", "footplate-settings")["data"]["settings.yaml"]
        return text

    def at(self, where: str) -> Any:
        """What is at a place: "settings:store.uri", "Deployment:spec.replicas", "Role/NAME:metadata"; or NOTHING."""
        what, _, path = where.partition(":")
        if what == "settings":
            return dig(self.settings, path)
        kind, _, name = what.partition("/")
        named = [item for item in self.of_kind(kind) if item["metadata"]["name"] == (name or "footplate-operator")]
        return dig(named[0], path) if named else NOTHING


def dig(value: Any, path: str) -> Any:
    """The part of a document; a number in the path is an item of a list, `[NAME]` the item of that name."""
    for part in filter(None, path.split(".")):
        if isinstance(value, list):
            named = part.strip("[]")
            items = {item.get("name"): item for item in value} if part != named else dict(enumerate(value))
            value = items.get(named if part != named else int(part), NOTHING)
        else:
            value = value.get(part.replace("~", "."), NOTHING)
        if value == NOTHING:
            return NOTHING
    return value


def nested(name: str, value: Any) -> JSON:
    """`a.b` and 1 as {"a": {"b": 1}}, as --set has it."""
    for part in reversed(name.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def merged(*values: JSON) -> JSON:
    """Later values go before earlier ones, key by key."""
    found: JSON = {}
    for each in values:
        for key, value in each.items():
            both = isinstance(value, dict) and isinstance(found.get(key), dict)
            found[key] = merged(found[key], value) if both else copy.deepcopy(value)
    return found


def render(values: JSON | None = None) -> Rendered:
    """With these values and a store."""
    return _render(json.dumps(merged({"store": {"uri": STORE}}, values or {}), sort_keys=True))


def render_bare(values: JSON) -> Rendered:
    """With these values alone. Raises HelmError, which says what is wrong with them."""
    return _render(json.dumps(values, sort_keys=True))


@cache
def _render(values: str) -> Rendered:
    return Rendered(loaded().render(json.loads(values), name="footplate", namespace=NAMESPACE))


@cache
def _parsed(text: str) -> list[JSON]:
    """Of the definitions, which are long and the same for most values, once."""
    return [item for item in yaml.load_all(text, yaml.CSafeLoader) if item]


@cache
def loaded() -> helm.Chart:
    return helm.Chart.load(CHART)
