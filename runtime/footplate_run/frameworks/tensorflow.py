"""TensorFlow: the program once in every role, with TF_CONFIG (TensorFlow: distributed training with TF_CONFIG)."""

import json

from footplate_run import layout
from footplate_run.frameworks.base import Framework, Launch, directly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from footplate_run.orders import Orders
    from footplate_run.program import Command

RANKED = ("chief", "worker", "ps", "evaluator")  # rank 0 is the primary
CLUSTER = ("chief", "ps", "worker")  # an evaluator belongs to no cluster, it only reads checkpoints


class TensorFlow(Framework):
    """One program a replica. TensorFlow's server listens on all addresses of its machine, on the port that TF_CONFIG
    gives it: where pods share a network, every replica has a port of its own.
    """

    def __init__(self, orders: "Orders") -> None:
        super().__init__(orders)
        how = orders.distribution
        self.port = int(how["port"])
        self.host_port = int(how["hostPort"])
        self.host_network = bool(how["hostNetwork"])
        self.replicas = [(role, index) for role in RANKED for index in range(orders.roles.get(role, 0))]
        self.rank = self.replicas.index((orders.role, orders.index))

    def peers(self) -> "list[str]":
        """All of the cluster, this one too: what TF_CONFIG holds must be the same in all of them.

        They only need to resolve. TensorFlow itself waits until the others listen.
        """
        if len(self.replicas) == 1:
            return []  # a pod that is alone has no host name
        return [self.orders.host(role, index) for role, index in self.replicas if role in CLUSTER]

    def launch(self, command: "Command", addresses: "Mapping[str, str]", environment: "Mapping[str, str]") -> Launch:
        variables = {"RANK": str(self.rank), "WORLD_SIZE": str(len(self.replicas)), "LOCAL_RANK": "0"}
        if addresses:
            variables["TF_CONFIG"] = json.dumps(self._tf_config(addresses, layout.ENV_HOSTS in environment))
        return Launch(directly(command), variables)

    def _tf_config(self, addresses: "Mapping[str, str]", one_machine: bool) -> "dict[str, object]":
        cluster = {}  # type: dict[str, list[str]]
        for place, (role, index) in enumerate(self.replicas):
            if role in CLUSTER:
                port = self.host_port + place if one_machine or self.host_network else self.port
                address = addresses[self.orders.host(role, index)]
                cluster.setdefault(role, []).append("{}:{}".format(address, port))
        task = {"type": self.orders.role, "index": self.orders.index}
        return {"cluster": cluster, "task": task, "environment": "cloud"}
