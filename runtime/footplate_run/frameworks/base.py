"""What a framework tells the launcher: whom to wait for, what to execute, and who was to blame when it failed."""

import os
import re
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from footplate_run.orders import Orders
    from footplate_run.program import Command

PYTHON = sys.executable or "python3"  # empty where Python cannot tell


class Launch:
    """What to execute. ``death_signal`` is what the kernel sends to the program when the launcher is killed.

    ``starter`` is true of a program that only starts others and watches them.
    """

    __slots__ = ("argv", "death_signal", "starter", "variables")

    def __init__(
        self,
        argv: "list[str]",
        variables: "dict[str, str]",
        death_signal: int = signal.SIGKILL,
        starter: bool = False,
    ) -> None:
        self.argv = argv
        self.variables = variables
        self.death_signal = death_signal
        self.starter = starter


def directly(command: "Command") -> "list[str]":
    """What executes the program itself, with nothing between it and the launcher."""
    return [PYTHON, "-u"] + command.words if command.python else command.words


class Cause:
    """The process whose failure the launched one only passes on. ``replica`` names it when it ran on another.

    ``error`` is what it said itself; ``ended`` how it ended, for want of anything better. With the exit code 0 the end
    of the launched one was no failure, and ``ended`` says why.
    """

    __slots__ = ("ended", "error", "exit_code", "replica", "signal")

    def __init__(
        self,
        exit_code: "int | None",
        signal: "int | None",
        ended: str,
        error: "str | None" = None,
        replica: "str | None" = None,
    ) -> None:
        self.exit_code = exit_code
        self.signal = signal
        self.ended = ended
        self.error = error
        self.replica = replica


class Framework:
    """One way of starting a program on the nodes of a job; made for the orders of one replica.

    A constructor may raise KeyError, TypeError or ValueError for orders that it cannot use.
    """

    def __init__(self, orders: "Orders") -> None:
        self.orders = orders

    def peers(self) -> "list[str]":
        """The host names that must resolve before the start."""
        return []

    def launch(self, command: "Command", addresses: "Mapping[str, str]", environment: "Mapping[str, str]") -> Launch:
        """The command line and the variables that the program gets; ``addresses`` has what each peer resolved to."""
        raise NotImplementedError

    def cause(self, exit_code: int, console: "Sequence[str]") -> "Cause | None":
        """Who was to blame for an exit code other than 0, by the last lines of stderr; None: the program itself."""
        return None


def visible_gpus(environment: "Mapping[str, str]", devices: "list[str]") -> int:
    """How many NVIDIA GPUs the program sees, by ``CUDA_VISIBLE_DEVICES`` or the names in ``/dev``."""
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return len([entry for entry in chosen.split(",") if entry.strip() not in ("", "-1")])
    return len([name for name in devices if re.match(r"nvidia\d+$", name)])


def processes_of(entry: object, environment: "Mapping[str, str]") -> int:
    """``processesPerNode`` of launch.json on this node: a number, or ``auto`` for one a visible GPU, at least one."""
    if entry == "auto":
        return visible_gpus(environment, os.listdir("/dev")) or 1
    return int(str(entry))
