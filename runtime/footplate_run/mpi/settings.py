"""What the launcher tells the head and the nodes of a launch, as one JSON object on their command line."""

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIELDS = (
    "address",  # what the name of this worker resolved to; empty with one node
    "args",  # of the user for mpirun
    "attempt",
    "hosts",  # pattern of the workers' names
    "implementation",
    "index",  # of this worker
    "keys",  # folder of the job's key and certificate
    "mpirun",  # path of it; of the head alone
    "nodes",
    "port",
    "processes",  # ranks of this node
    "role",
    "root",
    "timeout",  # seconds to wait for the others
)


class Settings:
    """One attribute for each of FIELDS."""

    __slots__ = FIELDS

    if TYPE_CHECKING:
        address: str
        args: "list[str]"
        attempt: int
        hosts: str
        implementation: str
        index: int
        keys: str
        mpirun: str
        nodes: int
        port: int
        processes: int
        role: str
        root: str
        timeout: float

    def __init__(self, **values: "Any") -> None:
        for name in FIELDS:
            setattr(self, name, values[name])

    def host(self, index: int) -> str:
        """The full name of a worker."""
        return self.hosts.replace("{role}", self.role).replace("{index}", str(index))

    def replica(self, index: int) -> str:
        """The short name of a worker: its host name, and what people know it by."""
        return "{}-{}".format(self.role, index)

    def to_json(self) -> str:
        return json.dumps({name: getattr(self, name) for name in FIELDS})


def parse(text: str) -> Settings:
    return Settings(**json.loads(text))
