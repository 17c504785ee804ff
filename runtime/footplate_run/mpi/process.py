"""What the head and the nodes have in common: how they are started, and that they speak as the launcher does."""

import os

from footplate_run.console import write_quietly

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


def package_home() -> str:
    """The zip, or the folder, that the launcher's modules come from."""
    return os.path.abspath(__file__).rpartition(os.sep + os.path.join("footplate_run", "mpi"))[0]
