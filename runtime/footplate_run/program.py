"""What to execute: the command line of a script by its suffix, or the user's own command.

``.py`` runs in the interpreter of the launcher, ``.sh`` in ``sh``, anything else must be executable.
"""

import os

from footplate_run.errors import NOT_EXECUTABLE, NOT_FOUND, CannotStart
from footplate_run.substitution import substitute, values_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from footplate_run.orders import Orders

_NAMED = 8  # files that a sentence names


class Command:
    """``words`` to execute; with ``python`` they are a script and its arguments for a Python interpreter."""

    __slots__ = ("python", "words")

    def __init__(self, words: "list[str]", python: bool) -> None:
        self.words = words
        self.python = python


def command_of(orders: "Orders") -> Command:
    """The command that the orders mean, its references replaced; raises CannotStart with what is missing."""
    values = values_of(orders)
    if not orders.script:
        return Command(substitute(orders.command, values), python=False)
    arguments = substitute(orders.argv, values)
    script = os.path.join(orders.code, orders.script)
    if not os.path.isfile(script):
        raise CannotStart(NOT_FOUND, _not_in_source(orders.script, orders.code))
    suffix = os.path.splitext(script)[1]
    if suffix == ".py":
        return Command([orders.script] + arguments, python=True)
    if suffix == ".sh":
        return Command(["sh", orders.script] + arguments, python=False)
    if not os.access(script, os.X_OK):
        raise CannotStart(
            NOT_EXECUTABLE,
            "{} is not executable: chmod +x it in the source, or name a .py or .sh script".format(orders.script),
        )
    return Command([script] + arguments, python=False)


def executable_path(name: str, folder: str, search_path: str) -> str:
    """The file that a shell in ``folder`` would execute for ``name``; raises CannotStart when there is none."""
    if "/" in name:
        candidates = [os.path.join(folder, name)]
    else:
        candidates = [os.path.join(folder, place, name) for place in search_path.split(os.pathsep)]
    there = [path for path in candidates if os.path.isfile(path)]
    for path in there:
        if os.access(path, os.X_OK):
            return path
    if there:
        raise CannotStart(NOT_EXECUTABLE, "{} is not executable: chmod +x it".format(there[0]))
    where = "in the image" if "/" in name else "on the PATH of the image ({})".format(search_path)
    raise CannotStart(NOT_FOUND, "the command {} was not found {}".format(name, where))


def _not_in_source(script: str, folder: str) -> str:
    if not os.path.isdir(folder):
        return "{} is not there: the folder {} does not exist".format(script, folder)
    files = _files(folder)
    if not files:
        return "{} is not in the source; the source is empty".format(script)
    base, suffix = os.path.basename(script), os.path.splitext(script)[1]
    files.sort(key=lambda path: (os.path.basename(path) != base, not path.endswith(suffix), path))
    more = ", …" if len(files) > _NAMED else ""
    return "{} is not in the source; found: {}{}".format(script, ", ".join(files[:_NAMED]), more)


def _files(folder: str, limit: int = 1000) -> "list[str]":
    """The first ``limit`` files below the folder, hidden ones and links to folders left out."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                found.append(os.path.relpath(os.path.join(place, name), folder))
        if len(found) >= limit:
            break
    return found[:limit]
