"""Built-in kinds with nothing special but a status of their own, generations, or names of another form."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from footplate_local.apiserver import names
from footplate_local.apiserver.kinds import builtin_schemas, typed
from footplate_local.apiserver.kinds.registry import Strategy

JSON = dict[str, Any]
Names = Callable[[str], list[str]]


class PlainStrategy(Strategy):
    """A kind that is stored as it was sent, once decoded.

    `generation`: metadata.generation counts its changes. `status`: the kind has a status, which a creation resets
    (rest.BeforeCreate calls each strategy's PrepareForCreate) and which the kind's own path alone changes.
    """

    def __init__(
        self,
        api_version: str,
        kind: str,
        *,
        generation: bool = False,
        status: bool = False,
        name_rule: Names = names.subdomain,
    ) -> None:
        group, _, version = api_version.rpartition("/")
        self._type = (group, version, kind)
        self._status = status
        self._name_rule = name_rule
        self.counts_generation = generation

    def name_errors(self, name: str) -> list[str]:
        return self._name_rule(name)

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        if old is None and self._status:
            obj["status"] = self.first_status()

    def first_status(self) -> JSON:
        """The status of a new object: nothing but what its Go struct always shows."""
        schema = builtin_schemas.schema_of(*self._type)["properties"]["status"]
        status: JSON = copy.deepcopy(typed.zero(schema))
        return status
