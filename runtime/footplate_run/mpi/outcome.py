"""How a launch ended: what the head or a node leaves for its launcher, which reports it."""

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "state/mpi-outcome.json"  # relative to the root
# Of Linux, not from the module signal: the numbers may come from another machine.
_SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    15: "SIGTERM",
}


class Blame:
    """What went wrong first: a sentence, and the replica and rank where it did, as far as that is known.

    ``code`` is 128 + ``number`` after a signal; ``said`` is true when the program itself tells why, on its stderr, and
    ``error`` what it has told us.
    """

    __slots__ = ("code", "error", "number", "rank", "replica", "said", "sentence")

    def __init__(
        self,
        sentence: str,
        replica: "str | None",
        code: int = 1,
        number: int = 0,
        said: bool = False,
        rank: int = -1,
        error: str = "",
    ) -> None:
        self.sentence = sentence
        self.replica = replica
        self.code = code
        self.number = number
        self.said = said
        self.rank = rank
        self.error = error


def of_rank(rank: int, replica: "str | None", code: int, number: int, error: str = "") -> Blame:
    """A rank that ended other than with 0; ``rank`` may be -1, and ``replica`` None, when mpirun does not say."""
    who = ("rank {}".format(rank) if rank >= 0 else "a process") + (" on {}".format(replica) if replica else "")
    if number:
        return Blame("{} was killed by {}".format(who, signal_name(number)), replica, 128 + number, number, rank=rank)
    return Blame("{} exited with code {}".format(who, code), replica, code, said=True, rank=rank, error=error)


def signal_name(number: int) -> str:
    """``SIGKILL``, or ``signal 42``."""
    return _SIGNALS.get(number, "signal {}".format(number))


def write(root: str, blame: "Blame | None", ranks: "Mapping[int, str]") -> None:
    """Leaves it for the launcher, with the replica of each rank, lest mpirun's words are needed too."""
    found = None if blame is None else {name: getattr(blame, name) for name in Blame.__slots__}
    with open(os.path.join(root, FILE), "w") as file:
        json.dump({"blame": found, "ranks": ranks}, file)


def read(root: str) -> "tuple[Blame | None, dict[int, str]]":
    """What was left; nothing when the launch has not come to its end."""
    try:
        with open(os.path.join(root, FILE)) as file:
            left = json.load(file)
    except (OSError, ValueError):
        return None, {}
    found = left["blame"]
    return Blame(**found) if found else None, {int(rank): replica for rank, replica in left["ranks"].items()}
