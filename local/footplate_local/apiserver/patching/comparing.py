"""Which fields an object has, and what differs between two objects.

Source: sigs.k8s.io/structured-merge-diff typed/{tofieldset,compare}.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from footplate_local.apiserver.patching.field_paths import Element, Path, of_field
from footplate_local.apiserver.patching.field_sets import FieldSet, without_below
from footplate_local.apiserver.patching.shapes import DEDUCED, MISSING, Form, Shape

JSON = dict[str, Any]


def same(one: Any, other: Any) -> bool:
    """Equality of JSON: 1 is 1.0, but not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def below(shape: Shape, name: str) -> Shape:
    """The place of a field, of one that cannot be there too: objects may be older than their schema."""
    return shape.field(name) or DEDUCED


# ---------------------------------------------------------------------- the fields of one object


def fields_of(obj: JSON, shape: Shape) -> FieldSet:
    """The fields that an object sets. An empty list of items that are told apart sets nothing."""
    return frozenset(path for path in _fields(obj, shape, ()) if path)


def _fields(value: Any, shape: Shape, path: Path) -> Iterator[Path]:
    match shape.form(value):
        case Form.MAP if not shape.atomic_map:
            for name, item in value.items() if isinstance(value, dict) else ():
                place = (*path, of_field(name))
                if item is None or item == {} or not shape.declares(name):
                    yield place
                yield from _fields(item, below(shape, name), place)
        case Form.LIST if not shape.atomic_list:
            items = _by_identity(value, shape)
            for element, found in items.items():
                yield (*path, element)
                if len(found) == 1:
                    yield from _fields(found[0], shape.items(), (*path, element))
        case _:
            yield path


def _by_identity(value: Any, shape: Shape) -> dict[Element, list[Any]]:
    """The items of a list by what tells them apart; usually there is one of each."""
    items: dict[Element, list[Any]] = {}
    for item in value if isinstance(value, list) else ():
        items.setdefault(shape.identity(item), []).append(item)
    return items


# ---------------------------------------------------------------------- two objects


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two objects; no path is in two of the sets."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    def without(self, roots: FieldSet) -> Comparison:
        """Without what is at and below some paths."""
        return Comparison(
            without_below(self.added, roots), without_below(self.modified, roots), without_below(self.removed, roots)
        )


def compare(old: JSON, new: JSON, shape: Shape) -> Comparison:
    """Raises NoIdentity when a list has items that cannot be told apart."""
    comparer = _Comparer()
    comparer.compare(old, new, shape, ())
    return Comparison(frozenset(comparer.added), frozenset(comparer.modified), frozenset(comparer.removed))


class _Comparer:
    def __init__(self) -> None:
        self.added: set[Path] = set()
        self.modified: set[Path] = set()
        self.removed: set[Path] = set()

    def compare(self, old: Any, new: Any, shape: Shape, path: Path) -> None:
        if old == new and same(old, new):  # mostly so, and soon seen
            return
        forms = [shape.form(value) for value in (old, new) if value is not MISSING]
        is_leaf = False
        for form in dict.fromkeys(forms):  # both, when a value becomes one of another type
            is_leaf = self._as(form, old, new, shape, path)
        if not is_leaf and path:
            if old is MISSING:
                self.added.add(path)
            elif new is MISSING:
                self.removed.add(path)

    def _as(self, form: Form, old: Any, new: Any, shape: Shape, path: Path) -> bool:
        """Compare two values as values of a form; returns whether they were compared as a whole."""
        if form is Form.MAP:
            before, after = _only(dict, old), _only(dict, new)
            if (before or after) and not shape.atomic_map:
                for name in before.keys() | after.keys():
                    place = (*path, of_field(name))
                    self.compare(before.get(name, MISSING), after.get(name, MISSING), below(shape, name), place)
                return False
        elif form is Form.LIST and (_only(list, old) or _only(list, new)) and not shape.atomic_list:
            self._items(_by_identity(old, shape), _by_identity(new, shape), shape, path)
            return False
        self._leaf(old, new, path)
        return True

    def _leaf(self, old: Any, new: Any, path: Path) -> None:
        if not path:
            return
        if old is MISSING:
            self.added.add(path)
        elif new is MISSING:
            self.removed.add(path)
        elif not same(old, new):
            self.modified.add(path)

    def _items(
        self, before: dict[Element, list[Any]], after: dict[Element, list[Any]], shape: Shape, path: Path
    ) -> None:
        inner = shape.items()
        for element in before.keys() | after.keys():
            old, new = before.get(element, []), after.get(element, [])
            place = (*path, element)
            if len(old) < 2 and len(new) < 2:
                self.compare(old[0] if old else MISSING, new[0] if new else MISSING, inner, place)
            elif len(old) > 1 and len(new) > 1:
                if not same(old, new):
                    self.modified.add(place)
            elif len(old) > 1:
                if new:
                    self.compare(MISSING, new[0], inner, place)
                self.removed.add(place)
            else:
                if old:
                    self.compare(old[0], MISSING, inner, place)
                self.added.add(place)


def _only(kind: type, value: Any) -> Any:
    return value if isinstance(value, kind) else kind()
