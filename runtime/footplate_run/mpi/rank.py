"""What mpirun's daemons start for each rank: the program below, and a word to this node about its start and its end.

No mpirun says reliably which rank failed first: some blame a rank that only lost its peer, some say nothing and wait. A
file of its own, beside the program's command line and the socket of the node; it imports next to nothing.
"""

import os
import signal
import socket
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM = "program"  # the file with its working directory and command line
SOCKET = "rank.sock"
PARENT_SECONDS = 1.0  # between two looks whether mpirun's daemon is still there
# Why a rank has ended.
BY_ITSELF, TOLD, ORPHANED = 0, 1, 2
# Open MPI 4 and 5; PMIx; PMI of Hydra.
RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK")
_STOPPING = (int(signal.SIGTERM), int(signal.SIGINT), int(signal.SIGHUP))


def main() -> int:
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, PROGRAM), "rb") as file:
        folder, *words = file.read().split(b"\0")
    rank = rank_of(os.environ)
    told = []  # type: list[int]
    for number in _STOPPING:  # they go to the whole group, so the program has them too
        signal.signal(number, lambda number, frame: told.append(number))
    parent = os.getppid()
    orphaned = []  # type: list[int]
    child = os.fork()
    if child == 0:
        _become(folder, words)
    tell(here, "{} {}".format(rank, child))

    def look_for_parent(number: int, frame: object) -> None:
        """Without mpirun's daemon the rank is alone, and some would spin for ever."""
        if os.getppid() != parent:
            orphaned.append(parent)
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, look_for_parent)
    signal.setitimer(signal.ITIMER_REAL, PARENT_SECONDS, PARENT_SECONDS)
    _, status = os.waitpid(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    now = int(time.time() * 1000)
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    code = 128 + number if number else os.WEXITSTATUS(status)
    why = ORPHANED if orphaned else TOLD if told else BY_ITSELF
    tell(here, "{} {} {} {} {}".format(rank, code, number, why, now))
    if number:
        _die_of(number)
    return code


def rank_of(environment: "Mapping[str, str]") -> int:
    """The rank of this process among all; -1 where no mpirun has said it."""
    for name in RANK_VARIABLES:
        if environment.get(name, "").isdigit():
            return int(environment[name])
    return -1


def _become(folder: bytes, words: "list[bytes]") -> None:
    try:
        for number in _STOPPING + (int(signal.SIGPIPE), int(signal.SIGXFSZ)):  # Python ignores the last two in itself
            signal.signal(number, signal.SIG_DFL)
        os.chdir(folder)
        os.execvp(words[0], words)
    except OSError as problem:
        os.write(2, b"footplate: " + words[0] + b": " + os.strerror(problem.errno or 0).encode() + b"\n")
    finally:
        os._exit(127)


def tell(here: str, words: str) -> None:
    """``rank pid`` at the start; at the end ``rank code signal why milliseconds``, the last since the epoch, and then
    what went wrong in words, where that is known.
    """
    try:
        folder = os.open(here, os.O_RDONLY | os.O_DIRECTORY)
        node = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # The path of a socket may have 107 bytes, a folder's more.
        node.sendto(words.encode("utf-8", "replace"), "/proc/self/fd/{}/{}".format(folder, SOCKET))
        os.close(folder)
    except OSError:
        pass  # the launch is being ended; nobody asks any more


def _die_of(number: int) -> None:
    """Ends this process as the program was ended, without a second core file."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


if __name__ == "__main__":
    sys.exit(main())
