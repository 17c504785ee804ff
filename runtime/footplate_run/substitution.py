"""Replaces ``$(inputs.NAME)``, ``$(outputs)`` and ``$(job)`` in the words of a command.

As in a Kubernetes container command, ``$$(`` stands for a literal ``$(``. What cannot be a name, such as
``$(date +%s)``, is left to the shell.
"""

import os
import re

from footplate_run import layout
from footplate_run.errors import ORDERS, CannotStart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from footplate_run.orders import Orders

_REFERENCE = re.compile(r"\$\$\(|\$\(([^()\s]*)\)")


def values_of(orders: "Orders") -> "dict[str, str]":
    """What each known name stands for."""
    values = {"outputs": os.path.join(orders.root, layout.OUTPUTS), "job": orders.job}
    for name in orders.inputs:
        values["inputs." + name] = orders.input_path(name)
    return values


def substitute(words: "Iterable[str]", values: "Mapping[str, str]") -> "list[str]":
    """The words with every reference replaced; raises CannotStart for a name that is not in ``values``."""

    def replacement(match: "re.Match[str]") -> str:
        name = match.group(1)
        if name is None:
            return "$("
        try:
            return values[name]
        except KeyError:
            known = ", ".join("$({})".format(known) for known in sorted(values))
            raise CannotStart(
                ORDERS,
                "$({0}) in the program's arguments is not known; known are {1}. "
                "Write $$({0}) for a literal $({0})".format(name, known),
            ) from None

    return [_REFERENCE.sub(replacement, word) for word in words]
