"""MPI: worker 0 runs mpirun, the others wait for its daemons (``footplate_run.mpi``)."""

import os
import signal

from footplate_run import layout
from footplate_run.frameworks.base import PYTHON, Cause, Framework, Launch, processes_of
from footplate_run.hosts import timeout_of
from footplate_run.mpi import mpirun, outcome, report
from footplate_run.mpi.folder import ENV_FOLDER, ENV_PYTHON, FOLDER, Folder
from footplate_run.mpi.process import command_line, package_home
from footplate_run.mpi.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from footplate_run.orders import Orders
    from footplate_run.program import Command


class Mpi(Framework):
    """The same program as so many ranks on every node."""

    def __init__(self, orders: "Orders") -> None:
        super().__init__(orders)
        how = orders.distribution
        self.nodes = int(how["nodes"])
        self.port = int(how["port"])
        self.processes = how["processesPerNode"]
        self.implementation = str(how["implementation"])
        self.args = [str(word) for word in how.get("args") or ()]

    def peers(self) -> "list[str]":
        return [self.orders.own_host] if self.nodes > 1 else []

    def launch(self, command: "Command", addresses: "Mapping[str, str]", environment: "Mapping[str, str]") -> Launch:
        orders = self.orders
        search_path = environment.get("PATH", os.defpath)
        settings = Settings(
            address=addresses[self.orders.own_host] if self.nodes > 1 else "",
            args=self.args,
            attempt=orders.attempt,
            hosts=orders.hosts,
            implementation=self.implementation,
            index=orders.index,
            keys=os.path.join(orders.root, layout.KEYS),
            mpirun=mpirun.find(self.implementation, search_path) if orders.index == 0 else "",
            nodes=self.nodes,
            port=self.port,
            processes=processes_of(self.processes, environment),
            role=orders.role,
            root=orders.root,
            timeout=timeout_of(environment),
        )
        folder = Folder(os.path.join(orders.root, FOLDER))
        folder.prepare(orders.code, _program(command))
        variables = {ENV_FOLDER: folder.path, ENV_PYTHON: PYTHON}
        module = "head" if orders.index == 0 else "node"
        return Launch(command_line(PYTHON, module, package_home(), settings.to_json()), variables, signal.SIGKILL)

    def cause(self, exit_code: int, console: "Sequence[str]") -> "Cause | None":
        """What the head found out, or else what mpirun says itself."""
        blame, ranks = outcome.read(self.orders.root)
        blame = blame or report.blame_in(console, ranks)
        if blame is None:
            return None
        own = "{}-{}".format(self.orders.role, self.orders.index)
        return Cause(
            None if blame.number else blame.code,
            blame.number or None,
            blame.sentence,
            error=blame.error or (None if blame.said else blame.sentence),
            replica=None if blame.replica == own else blame.replica,
        )


def _program(command: "Command") -> "list[str]":
    """The command line of a rank.

    With mpi4py, a rank that ends by an exception would wait in MPI_Finalize for the others, and they for it;
    mpi4py's own runner aborts them instead (mpi4py: mpi4py.run).
    """
    if not command.python:
        return command.words
    return [PYTHON, "-u"] + (["-m", "footplate_run.mpi.mpi4py_main"] if _has_mpi4py() else []) + command.words


def _has_mpi4py() -> bool:
    import importlib.util

    try:
        return importlib.util.find_spec("mpi4py.__main__") is not None
    except ImportError:
        return False
