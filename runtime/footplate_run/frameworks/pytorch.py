"""PyTorch: torchrun on every node, with a static rendezvous, or c10d on worker 0 when the number of nodes may vary.

PyTorch: torchrun reads every option also as ``PET_<OPTION>``; the underscore spelling of options works in all
releases.
"""

import json
import os
import re
import signal
import sys

from footplate_run import layout
from footplate_run.errors import NOT_FOUND, CannotStart
from footplate_run.failure import LINE_LENGTH, cut
from footplate_run.frameworks.base import PYTHON, Cause, Framework, Launch, processes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from footplate_run.orders import Orders
    from footplate_run.program import Command

# PyTorch: torch.distributed.elastic.multiprocessing.errors, ChildFailedError.format_msg
_ROOT_CAUSE = re.compile(
    r"Root Cause \(first observed failure\):.*?\brank\s*: (\d+).*?\bexitcode\s*: (-?\d+)", re.DOTALL
)
# PyTorch: torch.distributed.elastic.multiprocessing.api, SignalException
_STOPPED = re.compile(r"\bSignalException: Process \d+ got signal: (\d+)$")


class PyTorch(Framework):
    """One torchrun a node; it ends the workers of its node when one of them fails."""

    def __init__(self, orders: "Orders") -> None:
        super().__init__(orders)
        how = orders.distribution
        self.nodes = int(how["nodes"])
        self.port = int(how["port"])
        self.processes = how["processesPerNode"]
        self.backend = how.get("backend")
        min_nodes = how.get("minNodes")
        self.min_nodes = self.nodes if min_nodes is None else int(min_nodes)

    @property
    def elastic(self) -> bool:
        """The number of nodes may vary while the program runs."""
        return self.min_nodes < self.nodes

    @property
    def _master(self) -> str:
        return self.orders.host(self.orders.primary_role, 0)

    @property
    def _self(self) -> str:
        return self.orders.host(self.orders.role, self.orders.index)

    def peers(self) -> "list[str]":
        if self.nodes == 1:
            return []
        return [self._master] + ([self._self] if self.elastic else [])

    def launch(self, command: "Command", addresses: "Mapping[str, str]", environment: "Mapping[str, str]") -> Launch:
        _require_torch()
        argv = [PYTHON, "-u", "-m", "torch.distributed.run", "--max_restarts=0"]
        if not command.python:
            argv.append("--no_python")
        # torchrun ends its workers on SIGTERM; killed outright it would leave them behind.
        return Launch(argv + command.words, self._variables(addresses, environment), signal.SIGTERM, starter=True)

    def _variables(self, addresses: "Mapping[str, str]", environment: "Mapping[str, str]") -> "dict[str, str]":
        orders = self.orders
        master = addresses[self._master] if self.nodes > 1 else "127.0.0.1"
        variables = {
            "PET_NPROC_PER_NODE": str(processes_of(self.processes, environment)),
            "PET_NODE_RANK": str(orders.index),
            "PET_MASTER_ADDR": master,
            "PET_MASTER_PORT": str(self.port),
            "MASTER_ADDR": master,
            "MASTER_PORT": str(self.port),
            "NODE_RANK": str(orders.index),
            "TORCHELASTIC_ERROR_FILE": self._error_file,
        }
        if not self.elastic:
            variables["PET_NNODES"] = str(self.nodes)
        else:
            variables["PET_NNODES"] = "{}:{}".format(self.min_nodes, self.nodes)
            variables["PET_RDZV_BACKEND"] = "c10d"
            variables["PET_RDZV_ENDPOINT"] = "{}:{}".format(master, self.port)
            variables["PET_RDZV_ID"] = "{}-{}".format(orders.uid or orders.job, orders.attempt)
            # Said outright: torchrun takes any loopback endpoint for its own machine.
            variables["PET_RDZV_CONF"] = "is_host={}".format("true" if orders.index == 0 else "false")
            # What the others connect to; torchrun's own choice, its host name, need not resolve elsewhere.
            variables["PET_LOCAL_ADDR"] = addresses[self._self]
        if self.backend:
            variables["FOOTPLATE_BACKEND"] = str(self.backend)
        return variables

    @property
    def _error_file(self) -> str:
        return os.path.join(self.orders.root, layout.TORCHRUN_ERROR)

    def cause(self, exit_code: int, console: "Sequence[str]") -> "Cause | None":
        """torchrun exits with 1 whatever its workers did: the one that it names as the root cause stands for it."""
        if exit_code != 1:
            return None
        stopped = torchrun_stopped(console)
        if stopped is not None:
            ended = "torchrun was ended by signal {}".format(stopped)
            return Cause(None, stopped, ended, ended)
        found = torchrun_cause(console)
        if found is None:
            return None
        rank, code = found
        if code < 0:
            ended = "the process of rank {} was ended by signal {}".format(rank, -code)
            return Cause(None, -code, ended, self._recorded_error())
        return Cause(
            code, None, "the process of rank {} exited with code {}".format(rank, code), self._recorded_error()
        )

    def _recorded_error(self) -> "str | None":
        try:
            with open(self._error_file, "rb") as file:
                return torchrun_error(file.read())
        except OSError:
            return None  # written only by workers whose main function is decorated with @record


def torchrun_cause(lines: "Sequence[str]") -> "tuple[int, int] | None":
    """(rank, exit code) of the worker that torchrun names as the root cause; a negative code is a signal."""
    causes = _ROOT_CAUSE.findall("\n".join(lines))
    return (int(causes[-1][0]), int(causes[-1][1])) if causes else None


def torchrun_stopped(lines: "Sequence[str]") -> "int | None":
    """The signal that torchrun was asked to stop by, which it answers with a traceback and exit code 1."""
    stopped = _STOPPED.search(lines[-1]) if lines else None
    return int(stopped.group(1)) if stopped else None


def torchrun_error(content: bytes) -> "str | None":
    """The message in torchrun's error file: a string, or an object whose ``message`` is one."""
    try:
        message = json.loads(content.decode("utf-8", "replace"))["message"]
        if isinstance(message, dict):
            message = message["message"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(message, str) or not message.strip() or message == "<NONE>":
        return None
    return cut(message.strip().splitlines()[0], LINE_LENGTH)


def _require_torch() -> None:
    import importlib.util

    if importlib.util.find_spec("torch") is None:
        raise CannotStart(
            NOT_FOUND,
            "the job's distribution is pytorch, but {} has no module torch: add torch to the job's environment".format(
                sys.executable
            ),
        )
