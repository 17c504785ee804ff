"""PyTorch: torchrun on every node, with a static rendezvous, or c10d on worker 0 when the number of nodes may vary.

PyTorch: torchrun reads every option also as ``PET_<OPTION>``; the underscore spelling of options works in all
releases.
"""

import json
import math
import os
import re
import signal
import sys

from footplate_run import layout
from footplate_run.errors import NOT_FOUND, CannotStart
from footplate_run.failure import LINE_LENGTH, cut
from footplate_run.frameworks.base import PYTHON, Cause, Framework, Launch, processes_of
from footplate_run.hosts import timeout_of
from footplate_run.torchrun import ELASTIC

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
# PyTorch: torch.distributed.elastic.rendezvous.api; torch.distributed.launcher.api, launch_agent: torch 2.13 has no
# result when others have closed the rendezvous that it waits in.
_CLOSED = ("RendezvousClosedError", "'NoneType' object has no attribute 'is_failed'")
_GONE = "RendezvousConnectionError"


class PyTorch(Framework):
    """One torchrun a node; it ends the workers of its node when one of them fails."""

    def __init__(self, orders: "Orders") -> None:
        super().__init__(orders)
        how = orders.distribution
        self.nodes = int(how["nodes"])
        self.max_restarts = int(how.get("maxRestarts") or 0)
        self.port = int(how["port"])
        self.processes = how["processesPerNode"]
        self.backend = how.get("backend")
        min_nodes = how.get("minNodes")
        self.min_nodes = self.nodes if min_nodes is None else int(min_nodes)

    @property
    def elastic(self) -> bool:
        """The number of nodes may vary while the program runs."""
        return self.min_nodes < self.nodes

    def peers(self) -> "list[str]":
        if self.nodes == 1:
            return []
        return [self.orders.primary_host] + ([self.orders.own_host] if self.elastic else [])

    def launch(self, command: "Command", addresses: "Mapping[str, str]", environment: "Mapping[str, str]") -> Launch:
        _require_torch()
        # The same, but it waits for worker 0 in a better way, and for nodes that are lost not at all.
        starter = "torch.distributed.run" if self.orders.index == 0 and not self.elastic else "footplate_run.torchrun"
        argv = [PYTHON, "-u", "-m", starter]
        if not command.python:
            argv.append("--no_python")
        # torchrun ends its workers on SIGTERM; killed outright it would leave them behind.
        return Launch(argv + command.words, self._variables(addresses, environment), signal.SIGTERM, starter=True)

    def _variables(self, addresses: "Mapping[str, str]", environment: "Mapping[str, str]") -> "dict[str, str]":
        index = str(self.orders.index)
        master = addresses[self.orders.primary_host] if self.nodes > 1 else "127.0.0.1"
        variables = {
            "PET_NPROC_PER_NODE": str(processes_of(self.processes, environment)),
            "PET_MASTER_ADDR": master,
            "PET_MASTER_PORT": str(self.port),
            "MASTER_ADDR": master,
            "MASTER_PORT": str(self.port),
            "NODE_RANK": index,
            "TORCHELASTIC_ERROR_FILE": self._error_file,
        }
        # A peer may come as late as the operator lets it: torchrun must not give up before.
        patience = str(max(1, math.ceil(timeout_of(environment))))
        if self.elastic:
            settings = self._elastic_settings(patience)
            variables.update(self._elastic_variables(master, addresses[self.orders.own_host]))
            variables["PET_MAX_RESTARTS"] = environment.get("PET_MAX_RESTARTS", str(self.max_restarts))
        else:
            settings = ["timeout=" + patience]
            variables.update({"PET_NNODES": str(self.nodes), "PET_NODE_RANK": index, "PET_MAX_RESTARTS": "0"})
        own = environment.get("PET_RDZV_CONF")
        variables["PET_RDZV_CONF"] = ",".join(settings + [own] if own else settings)  # of two the latter holds
        if self.backend:
            variables["FOOTPLATE_BACKEND"] = str(self.backend)
        return variables

    def _elastic_variables(self, master: str, address: str) -> "dict[str, str]":
        orders = self.orders
        return {
            "PET_NNODES": "{}:{}".format(self.min_nodes, self.nodes),
            "PET_RDZV_BACKEND": ELASTIC,
            "PET_RDZV_ENDPOINT": "{}:{}".format(master, self.port),
            "PET_RDZV_ID": "{}-{}".format(orders.uid or orders.job, orders.attempt),
            "PET_LOCAL_ADDR": address if orders.index == 0 else after_worker_0(address),
            # With the agents' store shared, torch 2.13 keeps the addresses of the group before: the next one hangs.
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        }

    def _elastic_settings(self, patience: str) -> "list[str]":
        """PyTorch: torch.distributed.elastic.rendezvous.dynamic_rendezvous, create_handler."""
        return [
            # Said outright: torchrun takes any loopback endpoint for its own machine.
            "is_host=" + ("true" if self.orders.index == 0 else "false"),
            "join_timeout=" + patience,
            "read_timeout=" + patience,
            # Who has sent no heartbeat for 9 s is lost (15 s are torch's own); the clocks of nodes may differ by less.
            "keep_alive_interval=3",
            "keep_alive_max_attempt=3",
            # So long the nodes that are left wait for more of them before they go on.
            "last_call_timeout=5",
        ]

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
            return self._without_rendezvous(console)
        rank, code = found
        if code < 0:
            ended = "the process of rank {} was ended by signal {}".format(rank, -code)
            return Cause(None, -code, ended, self._recorded_error())
        return Cause(
            code, None, "the process of rank {} exited with code {}".format(rank, code), self._recorded_error()
        )

    def _without_rendezvous(self, console: "Sequence[str]") -> "Cause | None":
        """An elastic node whose rendezvous is over: closed by the others, or gone with worker 0, where it was.

        The former is no failure: the node came back too late, and the ends of the others say how it went.
        """
        last = next((line for line in reversed(console) if line and not line[0].isspace()), "")
        if not self.elastic or self.orders.index == 0:
            return None
        if any(words in last for words in _CLOSED):
            return Cause(0, None, "the others had ended before this node could join them")
        if _GONE in last:
            first = "{}-0".format(self.orders.primary_role)
            ended = "the rendezvous on {} is gone".format(first)
            return Cause(1, None, ended, ended, replica=first)
        return None

    def _recorded_error(self) -> "str | None":
        try:
            with open(self._error_file, "rb") as file:
                return torchrun_error(file.read())
        except OSError:
            return None  # written only by workers whose main function is decorated with @record


def after_worker_0(address: str) -> str:
    """The address of another node so that it stands behind worker 0's in the alphabet.

    torchrun numbers the nodes in the order of their addresses as text, and the primary is to have rank 0. Names of
    hosts are in this order, ``worker-0.`` before all others; ``127.66.0.10`` comes before ``127.66.0.9``, but not when
    the former is written as an IPv6 address (RFC 4291, 2.5.5.2).
    """
    return "::ffff:" + address if re.match(r"\d+(\.\d+){3}$", address) else address


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
