"""What the head and the nodes have in common: they speak as the launcher does, and collect their children."""

import os

from footplate_run.console import write_quietly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# The interpreter's own start is most of what a node costs: no site packages, and only the modules that are needed.
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from footplate_run.mpi.{0} import main; sys.exit(main(sys.argv[2]))"
)


def command_line(python: str, module: str, package_home: str, settings: str) -> "list[str]":
    """What runs ``main`` of a module of this package; ``package_home`` is the launcher's zip."""
    return [python, "-I", "-S", "-c", _BOOT.format(module), package_home, settings]


def say(sentence: str) -> None:
    """A line of the launcher's voice, on stderr."""
    write_quietly(2, "footplate: {}\n".format(sentence).encode("utf-8", "replace"))


def reap() -> "Iterator[tuple[int, int]]":
    """(process id, status) of every child that has ended, adopted ones too."""
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if child == 0:
            return
        yield child, status


def package_home() -> str:
    """The zip, or the folder, that the launcher's modules come from."""
    return os.path.abspath(__file__).rpartition(os.sep + os.path.join("footplate_run", "mpi"))[0]
