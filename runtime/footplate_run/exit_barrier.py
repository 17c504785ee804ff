"""The end of an elastic torchrun: it waits for the other nodes, but not for those that are lost.

A torchrun whose processes have ended well waits until those of all other nodes have, five minutes at most (PyTorch:
torch.distributed.elastic.agent.server.api, SimpleElasticAgent._exit_barrier). For a node that dies in the last moment
of the training all others would wait so long; the rendezvous knows after 9 s that it is dead.
"""

import importlib
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

POLL_SECONDS = 0.5
_KEY = "footplate/ended/{}"  # in the store of the group: the node of this rank has ended well


def install() -> None:
    """Lets the torchrun of this process end so."""
    try:
        agent = importlib.import_module("torch.distributed.launcher.api").LocalElasticAgent
        agent._exit_barrier = for_the_living(agent._exit_barrier)
    except (ImportError, AttributeError):
        pass  # another torch, whose parts have other names


def for_the_living(barrier: "Callable[[Any], None]") -> "Callable[[Any], None]":
    """``barrier``, torch's own, that ends when all nodes of the group have ended or are dead."""

    def wait(agent: "Any") -> None:
        try:
            _wait(agent)
        except AttributeError:  # another torch, too
            barrier(agent)
        except RuntimeError:
            pass  # torch's errors of a store: it was on worker 0, which has seen that all have ended

    return wait


def _wait(agent: "Any") -> None:
    rendezvous = agent._worker_group.spec.rdzv_handler._state_holder
    store = agent._store
    group = dict(rendezvous.state.participants)
    until = time.monotonic() + agent._exit_barrier_timeout
    store.set(_KEY.format(agent._worker_group.group_rank), "1")
    while time.monotonic() < until:
        alive = rendezvous.state.last_heartbeats  # the heartbeat's thread reads it every 3 s, without the dead
        if store.check([_KEY.format(rank) for node, rank in group.items() if node in alive]):
            return
        time.sleep(POLL_SECONDS)
