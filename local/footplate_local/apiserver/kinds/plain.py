"""Built-in kinds with little that is special: defaults, checks, a status of their own, names of another form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.errors import FieldError
from footplate_local.apiserver.kinds import builtin_schemas, typed
from footplate_local.apiserver.kinds.registry import Strategy
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
Names = Callable[[str], list[str]]
Fill = Callable[[JSON], None]
Check = Callable[[JSON, JSON | None], Iterator[FieldError]]


def fill_nothing(obj: JSON) -> None:
    pass


def find_nothing(obj: JSON, old: JSON | None) -> Iterator[FieldError]:
    yield from ()


class PlainStrategy(Strategy):
    """A kind that is stored as it was sent, once decoded and filled in.

    `generation`: metadata.generation counts its changes. `status`: the kind has a status, which a creation resets
    (rest.BeforeCreate calls each strategy's PrepareForCreate) and which the kind's own path alone changes; `status`
    may be what the first one says. `fill` sets defaults, `check` tells what is wrong with an object or an update.
    """

    def __init__(
        self,
        api_version: str,
        kind: str,
        *,
        generation: bool = False,
        status: bool | JSON = False,
        name_rule: Names = names.subdomain,
        fill: Fill = fill_nothing,
        check: Check = find_nothing,
    ) -> None:
        group, _, version = api_version.rpartition("/")
        self._type = (group, version, kind)
        self._status = status
        self._name_rule = name_rule
        self._fill = fill
        self._check = check
        self.counts_generation = generation

    def name_errors(self, name: str) -> list[str]:
        return self._name_rule(name)

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        if old is None and self._status is not False:
            obj["status"] = self.first_status()
        self._fill(obj)

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        return [] if subresource == "status" else list(self._check(obj, old))

    def first_status(self) -> JSON:
        """The status of a new object: what its Go struct always shows, and what its kind starts with."""
        schema = builtin_schemas.schema_of(*self._type)["properties"]["status"]
        status: JSON = copied(typed.zero(schema))
        return status | self._status if isinstance(self._status, dict) else status
