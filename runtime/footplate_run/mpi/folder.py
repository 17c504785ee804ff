"""``state/mpi``: the files that the parts of a launch on one node find each other by."""

import os
import socket

from footplate_run.mpi import agent, rank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = "state/mpi"  # relative to the root
HOSTFILE = "hostfile"
LAUNCH_AGENT = "agent"
ENV_FOLDER = "FOOTPLATE_MPI_FOLDER"  # of every node's own processes: where this folder is
ENV_PYTHON = "FOOTPLATE_MPI_PYTHON"  # the interpreter of its launcher

# Of every rank: each node runs its own copy of the wrapper, in its own interpreter.
RANK_COMMAND = ["sh", "-c", 'exec "${}" -I -S "${}/rank.py"'.format(ENV_PYTHON, ENV_FOLDER)]


class Folder:
    """The folder of one node."""

    def __init__(self, path: str) -> None:
        self.path = path

    def file(self, name: str) -> str:
        return os.path.join(self.path, name)

    def prepare(self, working_directory: str, program: "Sequence[str]") -> None:
        """Makes it, with what the ranks of this node are started from."""
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        words = [word.encode("utf-8", "surrogateescape") for word in [working_directory] + list(program)]
        self._write(rank.PROGRAM, b"\0".join(words))
        self._write("rank.py", _source_of(rank))

    def prepare_head(self, python: str) -> str:
        """Adds what mpirun starts daemons with, and returns the path of that."""
        self._write("agent.py", _source_of(agent))
        script = '#!/bin/sh\nexec {} -I -S {} "$@"\n'.format(_quoted(python), _quoted(self.file("agent.py")))
        self._write(LAUNCH_AGENT, script.encode("utf-8", "surrogateescape"), mode=0o755)
        return self.file(LAUNCH_AGENT)

    def write_hosts(self, lines: "Sequence[str]") -> str:
        """The host file, and its path."""
        self._write(HOSTFILE, "".join(line + "\n" for line in lines).encode("ascii"))
        return self.file(HOSTFILE)

    def bind(self, name: str, kind: int) -> socket.socket:
        """A socket that listens at ``name`` here, however long the path is (a socket's own has 107 bytes)."""
        if os.path.exists(self.file(name)):
            os.unlink(self.file(name))
        bound = socket.socket(socket.AF_UNIX, kind)
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            bound.bind("/proc/self/fd/{}/{}".format(folder, name))
        finally:
            os.close(folder)
        bound.setblocking(False)
        return bound

    def _write(self, name: str, content: bytes, mode: int = 0o644) -> None:
        path = self.file(name)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(fd, "wb") as file:
            file.write(content)


def _source_of(module: object) -> bytes:
    """The source of a module of ours, which may lie in a zip."""
    loader = module.__loader__  # type: ignore[attr-defined]
    return bytes(loader.get_source(module.__name__).encode("utf-8"))  # type: ignore[attr-defined]


def _quoted(word: str) -> str:
    """As one word for a shell."""
    return "'" + word.replace("'", "'\\''") + "'"
