"""A home and a name for the program's user, where the image has none for it.

Pods run as a user that most images do not know: its home is ``/``, which it cannot write, and it has no name. Caches
(``~/.cache``) and ``getpass.getuser()``, which torch asks, need both; Open MPI 5 does not start without a home.
"""

import os
import pwd

from footplate_run import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAME = "footplate"
_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")  # as getpass.getuser asks them


def variables(root: str, environment: "Mapping[str, str]", say: "Callable[[str], None]") -> "dict[str, str]":
    """The variables that the program needs besides; the home is a folder below ``root``."""
    found = {}
    home = environment.get("HOME")
    if not home or not os.access(home, os.W_OK | os.X_OK):
        ours = os.path.join(root, layout.HOME)
        try:
            os.makedirs(ours, mode=0o700, exist_ok=True)
            found["HOME"] = ours
        except OSError as problem:
            say("the program has no home that it can write: {}".format(problem))
    if not any(environment.get(name) for name in _NAMES) and not _is_known(os.getuid()):
        found["USER"] = found["LOGNAME"] = NAME
    return found


def _is_known(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True
