"""What a container of a replica is told: its place from the environment, its orders from launch.json.

The formats are those of docs/architecture.md, "Contracts".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from footplate_runtime import contract
from footplate_runtime.store import Store, StoreSettings, open_store


class InvalidOrders(Exception):
    """The environment or launch.json cannot be used; one sentence."""


class Place(NamedTuple):
    """Where this process stands: one replica of one attempt of a job."""

    root: Path
    attempt: int
    replica: str  # <role>-<index>
    termination_log: Path
    replacement: int = 0  # so many pods of this replica were lost in this attempt before
    resume: bool = False  # the outputs of earlier attempts belong in place before the program starts
    node: str | None = None
    record: Mapping[str, Any] = {}  # of the primary's agent: what only the operator knows of run.json

    @property
    def log_name(self) -> str:
        """What its logs and metrics are called: a replacement must not write over those of the lost one."""
        return contract.log_name(self.replica, self.replacement)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Place:
        """Read the ``FOOTPLATE_…`` variables; raises ``InvalidOrders``."""
        return cls(
            root=Path(env.get(contract.ENV_ROOT) or contract.DEFAULT_ROOT),
            attempt=_number(env, contract.ENV_ATTEMPT, least=1),
            replica=f"{_text(env, contract.ENV_ROLE)}-{_number(env, contract.ENV_INDEX, least=0)}",
            termination_log=Path(env.get(contract.ENV_TERMINATION_LOG) or contract.DEFAULT_TERMINATION_LOG),
            replacement=_number(env, contract.ENV_REPLACEMENT, least=1) if contract.ENV_REPLACEMENT in env else 0,
            resume=env.get(contract.ENV_RESUME) == "1",
            node=env.get(contract.ENV_NODE) or None,
            record=_object(env, contract.ENV_RECORD),
        )


class Input(NamedTuple):
    """One input of the job, to be found at ``inputs/<name>``."""

    name: str
    uri: str


class MetricSources(NamedTuple):
    """Where the agent finds metrics beside those of Run: patterns for the console, and whether in event files."""

    stdout: tuple[str, ...] = ()
    tensorboard: bool = True


class Orders(NamedTuple):
    """The parts of launch.json that fetch and the agent use."""

    job: Mapping[str, Any]
    store_settings: StoreSettings
    run_uri: str
    source: Mapping[str, Any] | None
    inputs: tuple[Input, ...]
    primary: str  # <role>-<index>
    exclude: tuple[str, ...]
    mirror_deletes: bool
    flush_seconds: float
    record: Mapping[str, Any]
    replicas: int  # of all roles
    launcher: bool  # false: the user's command runs without it, and nobody leaves a report of its end
    metrics: MetricSources = MetricSources()
    build_log: str | None = None  # where the log of the build of the job's environment is

    def open_store(self, env: Mapping[str, str], uri: str | None = None) -> Store:
        """The run's store, or another with the same settings; ``env`` has the keys. Raises ``InvalidStore``."""
        return open_store(uri or self.run_uri, env=env, **self.store_settings._asdict())

    def home(self, replica: str) -> str:
        """Where the outputs and the manifest of a replica lie in the run: a prefix of their keys."""
        return "" if replica == self.primary else f"ranks/{replica}/"

    @classmethod
    def load(cls, root: Path) -> Orders:
        """Read ``<root>/launch/launch.json``; raises ``InvalidOrders``."""
        path = root / contract.LAUNCH
        try:
            return cls.parse(json.loads(path.read_bytes()))
        except OSError as error:
            raise InvalidOrders(f"The orders {path} cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidOrders(
                f"The orders {path} are not understood ({type(error).__name__}: {error}); "
                "use an operator and a runtime image of the same version."
            ) from error

    @classmethod
    def parse(cls, launch: Mapping[str, Any]) -> Orders:
        """Pick the orders from launch.json's object; raises what picking raises."""
        if launch["version"] != 1:
            raise ValueError(f"version {launch['version']!r}")
        store = launch.get("store") or {}
        outputs = launch.get("outputs") or {}
        if not launch["runUri"].endswith("/"):
            raise ValueError("runUri does not end with '/'")
        return cls(
            job=dict(launch["job"]),
            store_settings=StoreSettings.parse(store),
            run_uri=launch["runUri"],
            source=launch.get("source"),
            inputs=tuple(_input(i["name"], i["uri"]) for i in launch.get("inputs") or ()),
            primary=f"{launch['primary']['role']}-{launch['primary']['index']}",
            exclude=tuple(outputs.get("exclude") or ()),
            mirror_deletes=outputs.get("mirrorDeletes") is True,
            flush_seconds=float(outputs.get("flushSeconds") or 600),
            record=dict(launch.get("record") or {}),
            replicas=sum((launch.get("roles") or {"worker": 1}).values()),
            launcher=((launch.get("record") or {}).get("spec") or {}).get("entrypoint", {}).get("launcher", True),
            metrics=_metric_sources(launch.get("metrics") or {}),
            build_log=launch.get("buildLog"),
        )


def _input(name: str, uri: str) -> Input:
    if name in ("", ".", "..") or "/" in name:
        raise ValueError(f"{name!r} is no name of an input")
    return Input(name, uri)


def _metric_sources(metrics: Mapping[str, Any]) -> MetricSources:
    return MetricSources(tuple(metrics.get("stdout") or ()), bool(metrics.get("tensorboard", True)))


def _text(env: Mapping[str, str], name: str) -> str:
    value = env.get(name)
    if not value or "/" in value:
        raise InvalidOrders(f"{name} is {value!r}; the operator sets it in every container of a replica.")
    return value


def _object(env: Mapping[str, str], name: str) -> Mapping[str, Any]:
    """A JSON object; empty when the variable is not set."""
    try:
        value = json.loads(env.get(name) or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidOrders(f"{name} is no JSON object; use an operator and a runtime image of the same version.")
    return value


def _number(env: Mapping[str, str], name: str, least: int) -> int:
    value = _text(env, name)
    if not value.isascii() or not value.isdigit() or int(value) < least:
        raise InvalidOrders(f"{name} is {value!r}, not a number of at least {least}.")
    return int(value)
