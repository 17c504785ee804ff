"""The program once on every node, with variables that say where it stands: single nodes, JAX."""

from footplate_run.frameworks.base import Framework, Launch, directly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from footplate_run.orders import Orders
    from footplate_run.program import Command

_PRIMARY = "{primary}"


class Plain(Framework):
    """``variables`` of the orders, {index} and {primary} filled in: the replica's index and the first one's address.

    Who has a variable with the primary's address waits until that resolves.
    """

    def __init__(self, orders: "Orders") -> None:
        super().__init__(orders)
        self.templates = {str(k): str(v) for k, v in orders.distribution["variables"].items()}

    def peers(self) -> "list[str]":
        if any(_PRIMARY in value for value in self.templates.values()):
            return [self.orders.primary_host]
        return []

    def launch(self, command: "Command", addresses: "Mapping[str, str]", environment: "Mapping[str, str]") -> Launch:
        primary = "".join(addresses[name] for name in self.peers())
        variables = {
            name: value.replace("{index}", str(self.orders.index)).replace(_PRIMARY, primary)
            for name, value in self.templates.items()
        }
        return Launch(directly(command), variables)
