"""Resolves the names of peers, by the file named in ``FOOTPLATE_HOSTS`` first, then by DNS, and waits for them.

The operator makes the pods of a job together, so a peer's name may not resolve yet when this replica starts.
"""

import os

from footplate_run import layout
from footplate_run.errors import PEERS, CannotStart
from footplate_run.orders import seconds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DEFAULT_TIMEOUT = 600.0  # seconds
PROGRESS_SECONDS = 10.0
_POLL_SECONDS = 0.25


def read_hosts(path: str) -> "dict[str, str]":
    """Name -> address of a hosts file (hosts(5)); a file that is not there yet has no names."""
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return {}
    addresses = {}  # type: dict[str, str]
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        for name in words[1:]:
            addresses.setdefault(name, words[0])
    return addresses


class Resolver:
    """What to connect to for a name: its address in the hosts file, the name itself when DNS knows it, or None."""

    def __init__(self, hosts_file: "str | None") -> None:
        self._hosts_file = hosts_file
        self._known = (None, {})  # type: tuple[tuple[int, int, int] | None, dict[str, str]]

    def __call__(self, name: str) -> "str | None":
        address = self._addresses().get(name)
        if address is not None:
            return address
        import socket  # 10 ms that a job of one node does without

        try:
            socket.getaddrinfo(name, None)
        except OSError:
            return None
        return name

    def _addresses(self) -> "dict[str, str]":
        """What is in the hosts file, which is only read when it has changed: of a thousand names each asks."""
        if not self._hosts_file:
            return {}
        try:
            stat = os.stat(self._hosts_file)
        except OSError:
            return {}
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if stamp != self._known[0]:
            self._known = (stamp, read_hosts(self._hosts_file))
        return self._known[1]


def timeout_of(environment: "Mapping[str, str]") -> float:
    """Seconds to wait for peers, from the environment; raises CannotStart when that is no number."""
    seconds = seconds_of(environment, layout.ENV_PEERS_TIMEOUT)
    return DEFAULT_TIMEOUT if seconds is None else seconds


def wait_for(
    names: "Iterable[str]",
    resolve: "Callable[[str], str | None]",
    monotonic: "Callable[[], float]",
    sleep: "Callable[[float], None]",
    say: "Callable[[str], None]",
    timeout: float = DEFAULT_TIMEOUT,
) -> "dict[str, str]":
    """Waits until every name resolves and returns what to connect to; raises CannotStart after ``timeout`` seconds."""
    found = {}  # type: dict[str, str]
    missing = list(names)
    began = monotonic()
    next_word = began + PROGRESS_SECONDS
    while True:
        for name in list(missing):
            address = resolve(name)
            if address is not None:
                found[name] = address
                missing.remove(name)
        if not missing:
            return found
        now = monotonic()
        if now - began >= timeout:
            raise CannotStart(
                PEERS,
                "{} did not resolve within {:.0f} s: the pod was not created, "
                "or the cluster's DNS does not serve the job's headless Service".format(", ".join(missing), timeout),
            )
        if now >= next_word:
            say("waiting for {} to resolve ({:.0f} s of {:.0f} s)".format(", ".join(missing), now - began, timeout))
            next_word = now + PROGRESS_SECONDS
        sleep(_POLL_SECONDS)
