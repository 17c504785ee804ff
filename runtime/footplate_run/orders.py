"""Reads what to do: ``launch.json``, the same for all replicas, and this replica's place from the environment.

The format of launch.json is in docs/architecture.md, "Contracts".
"""

import json
import os

from footplate_run import layout
from footplate_run.errors import ORDERS, CannotStart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

VERSION = 1


class Orders:
    """What one replica shall do. ``code`` is the program's working directory.

    ``distribution`` is that part of launch.json as it is: what is in it is its framework's affair. ``roles`` says how
    many replicas there are of each role.
    """

    __slots__ = (
        "argv",
        "attempt",
        "code",
        "command",
        "distribution",
        "hosts",
        "index",
        "inputs",
        "job",
        "primary_role",
        "role",
        "roles",
        "root",
        "script",
        "uid",
    )

    def __init__(
        self,
        root: str,
        job: str,
        uid: str,
        role: str,
        index: int,
        attempt: int,
        code: str,
        inputs: "Sequence[str]",
        distribution: "Mapping[str, Any]",
        roles: "Mapping[str, int]",
        script: "str | None" = None,
        argv: "Sequence[str]" = (),
        command: "Sequence[str]" = (),
        hosts: str = "{role}-{index}",
        primary_role: str = "worker",
    ) -> None:
        self.root = root
        self.job = job
        self.uid = uid
        self.role = role
        self.index = index
        self.attempt = attempt
        self.code = code
        self.inputs = tuple(inputs)
        self.distribution = distribution
        self.roles = roles
        self.script = script
        self.argv = tuple(argv)
        self.command = tuple(command)
        self.hosts = hosts
        self.primary_role = primary_role

    def input_path(self, name: str) -> str:
        return os.path.join(self.root, layout.INPUTS, name)

    def host(self, role: str, index: int) -> str:
        """The host name of a replica, stable over attempts."""
        return self.hosts.replace("{role}", role).replace("{index}", str(index))

    @property
    def own_host(self) -> str:
        """The host name of this replica."""
        return self.host(self.role, self.index)

    @property
    def primary_host(self) -> str:
        """The host name of the replica that decides the job."""
        return self.host(self.primary_role, 0)


def read_orders(root: str, environment: "Mapping[str, str]", working_directory: str) -> Orders:
    """Reads ``launch.json`` below ``root``; ``working_directory`` is the image's own.

    Raises CannotStart when it is missing, of another version, or lacks what the launcher needs.
    """
    path = os.path.join(root, layout.LAUNCH)
    try:
        with open(path, "rb") as file:
            launch = json.loads(file.read().decode("utf-8"))
    except OSError as problem:
        raise CannotStart(ORDERS, "{} cannot be read: {}".format(path, problem.strerror)) from None
    except ValueError as problem:
        raise CannotStart(ORDERS, "{} is not JSON: {}".format(path, problem)) from None
    if not isinstance(launch, dict) or launch.get("version") != VERSION:
        found = launch.get("version") if isinstance(launch, dict) else None
        raise CannotStart(
            ORDERS,
            "{} has version {}, this launcher reads version {}: "
            "the operator and the runtime image are of different releases".format(path, found, VERSION),
        )
    try:
        return _orders(launch, root, environment, working_directory)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        what = "{}: {}".format(type(problem).__name__, problem)
        raise CannotStart(ORDERS, "{} lacks what the launcher needs ({})".format(path, what)) from None


def seconds_of(environment: "Mapping[str, str]", name: str) -> "float | None":
    """The number of seconds in a variable, None when it is unset; raises CannotStart when it is no number."""
    text = environment.get(name)
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise CannotStart(ORDERS, "{} is a number of seconds, not {!r}".format(name, text))
    return seconds


def _orders(launch: dict, root: str, environment: "Mapping[str, str]", working_directory: str) -> Orders:  # type: ignore[type-arg]
    program = launch["program"]
    script, command = program.get("script"), program.get("command")
    if bool(script) == bool(command):
        raise ValueError("program has neither script nor command, or both")
    return Orders(
        root=root,
        job=launch["job"]["name"],
        uid=launch["job"].get("uid") or "",
        role=environment.get(layout.ENV_ROLE, "worker"),
        index=int(environment.get(layout.ENV_INDEX, "0")),
        attempt=int(environment.get(layout.ENV_ATTEMPT, "1")),
        code=_code_folder(launch.get("source"), root, working_directory),
        inputs=[entry["name"] for entry in launch.get("inputs") or ()],
        distribution=dict(launch["distribution"]),
        roles={role: int(count) for role, count in launch["roles"].items()},
        script=script,
        argv=[str(word) for word in program.get("argv") or ()],
        command=[str(word) for word in command or ()],
        hosts=launch.get("hosts") or "{role}-{index}",
        primary_role=(launch.get("primary") or {}).get("role", "worker"),
    )


def _code_folder(source: "dict | None", root: str, working_directory: str) -> str:  # type: ignore[type-arg]
    """Fetched code lies in ``code/``; code in the image where the image has it."""
    if source is None:
        return working_directory
    image = source.get("image")
    if image is not None:
        return os.path.join(working_directory, image.get("path") or "")
    return os.path.join(root, layout.CODE)
