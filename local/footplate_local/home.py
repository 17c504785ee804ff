"""Where the embedded cluster keeps its things: the folder FOOTPLATE_HOME, `~/.footplate` unless it is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENV_HOME = "FOOTPLATE_HOME"


@dataclass(frozen=True, slots=True)
class Home:
    """The paths under the home; docs/architecture.md, "The embedded cluster"."""

    path: Path

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Home:
        """As the environment says; an empty FOOTPLATE_HOME counts as none."""
        named = env.get(ENV_HOME)
        return cls(
            Path(named).expanduser().absolute() if named else Path(env.get("HOME") or "~").expanduser() / ".footplate"
        )

    @property
    def kubeconfig(self) -> Path:
        """Written by the API server once it listens."""
        return self.path / "kubeconfig"

    @property
    def settings(self) -> Path:
        """The operator's settings; the supervisor starts the operator when they are there."""
        return self.path / "operator.yaml"

    @property
    def store(self) -> Path:
        return self.path / "store"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the cluster."""
        return self.path / "run" / "cluster.lock"

    def state(self, service: str) -> Path:
        return self.run / f"{service}.json"

    def log_of(self, service: str) -> Path:
        return self.log / f"{service}.log"
