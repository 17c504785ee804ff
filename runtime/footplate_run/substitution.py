"""Replaces ``$(inputs.NAME)``, ``$(outputs)`` and ``$(job)`` in the words of a command."""

import os

from footplate_run import layout, references
from footplate_run.errors import ORDERS, CannotStart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from footplate_run.orders import Orders


def values_of(orders: "Orders") -> "dict[str, str]":
    """What each known name stands for."""
    values = {references.OUTPUTS: os.path.join(orders.root, layout.OUTPUTS), references.JOB: orders.job}
    for name in orders.inputs:
        values[references.input_reference(name)] = orders.input_path(name)
    return values


def substitute(words: "Iterable[str]", values: "Mapping[str, str]") -> "list[str]":
    """The words with every reference replaced; raises CannotStart for a name that is not in ``values``.

    The operator refuses such a job before; this one was made by another.
    """

    def value(name: str) -> str:
        try:
            return values[name]
        except KeyError:
            sentence = references.unknown_sentence(name, "the program's arguments", values)
            raise CannotStart(ORDERS, sentence) from None

    return [references.replaced(word, value) for word in words]
