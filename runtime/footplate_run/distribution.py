"""How a program is started in each framework: one class a framework, one interface, a registry.

``peers`` names the hosts that must resolve before the start; ``launch`` makes the command line and the variables.
"""

import os
import re
import signal
import sys

from footplate_run import layout
from footplate_run.errors import NOT_FOUND, ORDERS, CannotStart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from footplate_run.orders import Distribution, Orders
    from footplate_run.program import Command

_PYTHON = sys.executable or "python3"  # empty where Python cannot tell


class Launch:
    """What to execute. ``death_signal`` is what the kernel sends to the program when the launcher is killed."""

    __slots__ = ("argv", "death_signal", "variables")

    def __init__(self, argv: "list[str]", variables: "dict[str, str]", death_signal: int) -> None:
        self.argv = argv
        self.variables = variables
        self.death_signal = death_signal


class Single:
    """One process on one node."""

    def peers(self, orders: "Orders") -> "list[str]":
        return []

    def launch(
        self, orders: "Orders", command: "Command", addresses: "Mapping[str, str]", environment: "Mapping[str, str]"
    ) -> Launch:
        argv = [_PYTHON, "-u"] + command.words if command.python else command.words
        return Launch(argv, {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}, signal.SIGKILL)


class PyTorch:
    """torchrun on every node: static rendezvous, or c10d on worker 0 when the number of nodes may vary.

    PyTorch: torchrun reads every option also as ``PET_<OPTION>``; the underscore spelling of options works in all
    releases.
    """

    def peers(self, orders: "Orders") -> "list[str]":
        if orders.distribution.nodes == 1:
            return []
        own = [orders.host(orders.role, orders.index)] if _elastic(orders.distribution) else []
        return [orders.host(orders.primary_role, 0)] + own

    def launch(
        self, orders: "Orders", command: "Command", addresses: "Mapping[str, str]", environment: "Mapping[str, str]"
    ) -> Launch:
        _require_torch()
        argv = [_PYTHON, "-u", "-m", "torch.distributed.run", "--max_restarts=0"]
        if not command.python:
            argv.append("--no_python")
        # torchrun ends its workers on SIGTERM; killed outright it would leave them behind.
        return Launch(argv + command.words, self._variables(orders, addresses, environment), signal.SIGTERM)

    def _variables(
        self, orders: "Orders", addresses: "Mapping[str, str]", environment: "Mapping[str, str]"
    ) -> "dict[str, str]":
        how = orders.distribution
        master = addresses[orders.host(orders.primary_role, 0)] if how.nodes > 1 else "127.0.0.1"
        processes = how.processes or visible_gpus(environment, os.listdir("/dev")) or 1
        variables = {
            "PET_NPROC_PER_NODE": str(processes),
            "PET_NODE_RANK": str(orders.index),
            "PET_MASTER_ADDR": master,
            "PET_MASTER_PORT": str(how.port),
            "MASTER_ADDR": master,
            "MASTER_PORT": str(how.port),
            "NODE_RANK": str(orders.index),
            "TORCHELASTIC_ERROR_FILE": os.path.join(orders.root, layout.TORCHRUN_ERROR),
        }
        if not _elastic(how):
            variables["PET_NNODES"] = str(how.nodes)
        else:
            variables["PET_NNODES"] = "{}:{}".format(how.min_nodes, how.nodes)
            variables["PET_RDZV_BACKEND"] = "c10d"
            variables["PET_RDZV_ENDPOINT"] = "{}:{}".format(master, how.port)
            variables["PET_RDZV_ID"] = "{}-{}".format(orders.uid or orders.job, orders.attempt)
            # Said outright: torchrun takes any loopback endpoint for its own machine.
            variables["PET_RDZV_CONF"] = "is_host={}".format("true" if orders.index == 0 else "false")
            # What the others connect to; torchrun's own choice, its host name, need not resolve elsewhere.
            variables["PET_LOCAL_ADDR"] = addresses[orders.host(orders.role, orders.index)]
        if how.backend:
            variables["FOOTPLATE_BACKEND"] = how.backend
        return variables


def _elastic(how: "Distribution") -> bool:
    """The number of nodes may vary while the program runs."""
    return how.min_nodes is not None and how.min_nodes < how.nodes


_REGISTRY = {"single": Single(), "pytorch": PyTorch()}  # type: dict[str, Single | PyTorch]


def distribution_of(framework: str) -> "Single | PyTorch":
    """The distribution of that name; raises CannotStart for one that this launcher does not have."""
    try:
        return _REGISTRY[framework]
    except KeyError:
        known = ", ".join(sorted(_REGISTRY))
        raise CannotStart(
            ORDERS, "the framework {} is not known to this launcher; known are {}".format(framework, known)
        ) from None


def visible_gpus(environment: "Mapping[str, str]", devices: "list[str]") -> int:
    """How many NVIDIA GPUs the program sees, by ``CUDA_VISIBLE_DEVICES`` or the names in ``/dev``."""
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return len([entry for entry in chosen.split(",") if entry.strip() not in ("", "-1")])
    return len([name for name in devices if re.match(r"nvidia\d+$", name)])


def _require_torch() -> None:
    import importlib.util

    if importlib.util.find_spec("torch") is None:
        raise CannotStart(
            NOT_FOUND,
            "the job's distribution is pytorch, but {} has no module torch: add torch to the job's environment".format(
                sys.executable
            ),
        )
