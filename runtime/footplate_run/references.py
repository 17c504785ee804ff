"""``$(inputs.NAME)``, ``$(outputs)`` and ``$(job)`` in a word: the launcher replaces them, the operator refuses a job
that names what is not there.

As in a Kubernetes container command, ``$$(`` stands for a literal ``$(``. What cannot be a name, such as
``$(date +%s)``, is left to the shell. Pure.
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_REFERENCE = re.compile(r"\$\$\(|\$\(([^()\s]*)\)")
OUTPUTS = "outputs"
JOB = "job"


def input_reference(name: str) -> str:
    """What an input is called between the brackets."""
    return "inputs." + name


def replaced(word: str, value: "Callable[[str], str]") -> str:
    """The word with every name replaced by what ``value`` returns for it; what ``value`` raises is raised."""

    def one(match: "re.Match[str]") -> str:
        name = match.group(1)
        return "$(" if name is None else value(name)

    return _REFERENCE.sub(one, word)


def unknown(word: str, known: "Iterable[str]") -> "str | None":
    """The first name in the word that is none of those known."""
    names = (match.group(1) for match in _REFERENCE.finditer(word))
    known = set(known)
    return next((name for name in names if name is not None and name not in known), None)


def unknown_sentence(name: str, where: str, known: "Iterable[str]") -> str:
    """What to tell the user about it."""
    listed = ", ".join("$({})".format(each) for each in sorted(known))
    return "$({0}) in {1} is not known; known are {2}. Write $$({0}) for a literal $({0})".format(name, where, listed)
