"""Where things lie under FOOTPLATE_HOME, and the record that a pod's folder carries."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from footplate_local.home import Home
from footplate_local.node.rundir import RunDir, runs_of
from footplate_local.node.status import Verdict

Json = dict[str, Any]


class NodeHome(Home):
    """FOOTPLATE_HOME with what the node keeps in it."""

    @property
    def pods(self) -> Path:
        return self.path / "pods"

    @property
    def environments(self) -> Path:
        return self.path / "environments"

    @property
    def cache(self) -> Path:
        """Downloads of pip, torch.hub and the like, shared by all pods."""
        return self.path / "cache"

    @property
    def hosts(self) -> Path:
        return self.run / "hosts"

    def pod(self, uid: str) -> PodFolder:
        return PodFolder(self.pods / uid)


@dataclass(frozen=True, slots=True)
class PodFolder:
    """``pods/<uid>``: record.json, volumes/, containers/<name>/<n>/, logs/<name>/<n>.log, work/<name>/, home/, tmp/."""

    path: Path

    @property
    def uid(self) -> str:
        return self.path.name

    @property
    def volumes(self) -> Path:
        return self.path / "volumes"

    @property
    def home(self) -> Path:
        return self.path / "home"

    @property
    def temporary(self) -> Path:
        return self.path / "tmp"

    def work(self, container: str) -> Path:
        return self.path / "work" / container

    def runs(self, container: str) -> list[RunDir]:
        return runs_of(self.path / "containers" / container, f"{self.uid}/{container}")

    def run(self, container: str, number: int) -> RunDir:
        return RunDir(self.path / "containers" / container / str(number), f"{self.uid}/{container}/{number}")

    def log(self, container: str, number: int) -> Path:
        return self.path / "logs" / container / f"{number}.log"


@dataclass(frozen=True, slots=True)
class PodRecord:
    """What the node must know of a pod after it was restarted, even if the pod's object is gone by then.

    ``gpus``: the indices the pod has been given. ``stop_by``: it is being stopped, until then (unix seconds).
    """

    pod: Json = field(repr=False)
    ip: str
    start_time: float
    gpus: tuple[str, ...] = ()
    stop_by: float | None = None
    verdict: Verdict | None = None

    def with_pod(self, pod: Json) -> PodRecord:
        return replace(self, pod=pod)

    def save(self, folder: PodFolder) -> None:
        verdict = self.verdict
        value = {
            "pod": self.pod,
            "ip": self.ip,
            "startTime": self.start_time,
            "gpus": list(self.gpus),
            "stopBy": self.stop_by,
            "verdict": None if verdict is None else [verdict.reason, verdict.message, verdict.disrupted],
        }
        folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = folder.path / "record.json.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file)
        temporary.rename(folder.path / "record.json")

    @classmethod
    def load(cls, folder: PodFolder) -> PodRecord | None:
        """None when the folder has no whole record: then nothing was ever started in it."""
        try:
            value = json.loads((folder.path / "record.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return cls(
            pod=value["pod"],
            ip=value["ip"],
            start_time=value["startTime"],
            gpus=tuple(value["gpus"]),
            stop_by=value["stopBy"],
            verdict=None if value["verdict"] is None else Verdict(*value["verdict"]),
        )


def recorded_pods(home: NodeHome) -> Iterator[tuple[PodFolder, PodRecord | None]]:
    """Every pod folder of this home."""
    if home.pods.is_dir():
        for path in sorted(home.pods.iterdir()):
            folder = PodFolder(path)
            yield folder, PodRecord.load(folder)
