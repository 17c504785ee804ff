"""From a container of a pod to the process that is it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footplate_local.node.downward import Place
from footplate_local.node.environment import Objects, expand, machine_environment, spec_environment
from footplate_local.node.folders import NodeHome, PodFolder
from footplate_local.node.images import Image
from footplate_local.node.lifecycle import Kind
from footplate_local.node.paths import Rewriter
from footplate_local.node.process import MARKER
from footplate_local.node.resources import GPU, container_limit, container_requests, is_sidecar
from footplate_local.node.rundir import ProcessSpec, RunDir
from footplate_local.node.volumes import mounts
from footplate_runtime.contract import DEFAULT_TERMINATION_LOG, ENV_TERMINATION_LOG

Json = Mapping[str, Any]


class CommandError(Exception):
    """The container says nothing that could be run."""


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a container's process is made of besides its own spec.

    ``volumes``: volume name -> place; ``machine``: the node's environment; ``gpus``: those of this container.
    """

    pod: Json
    place: Place
    home: NodeHome
    folder: PodFolder
    volumes: Mapping[str, Path]
    objects: Objects
    machine: Mapping[str, str]
    image: Image
    gpus: tuple[str, ...]


def process_spec(container: Json, run: RunDir, setting: Setting) -> ProcessSpec:
    """The process of CONTAINER in RUN; makes its folders. Raises ConfigError, VolumeError or CommandError."""
    pod, folder = setting.pod, setting.folder
    places = mounts(container, setting.volumes)
    places[container.get("terminationMessagePath") or DEFAULT_TERMINATION_LOG] = run.termination_log
    rewriter = Rewriter(places)
    asked = spec_environment(container, pod, setting.place, setting.objects)
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    if not words:
        raise CommandError("no command specified: images have no entrypoint here, write the container's command")
    working_dir = _working_dir(container, rewriter, folder)
    log = folder.log(container["name"], run.number)
    for path in (folder.home, folder.temporary, working_dir, log.parent):
        path.mkdir(parents=True, exist_ok=True)
    hostname = pod["spec"].get("hostname") or pod["metadata"]["name"]
    env = machine_environment(
        container,
        machine=setting.machine,
        bin_folder=setting.image.bin,
        hostname=hostname,
        cache=setting.home.cache,
        hosts=setting.home.hosts,
        scratch=folder.home,
        temporary=folder.temporary,
        gpus=setting.gpus,
    )
    env[ENV_TERMINATION_LOG] = str(run.termination_log)  # where /dev/termination-log is meant
    env |= {name: rewriter.rewrite(value) for name, value in asked.items()}
    env[MARKER] = run.marker
    limit = container_limit(container, "memory")
    return ProcessSpec(
        argv=tuple(rewriter.rewrite(expand(word, asked)) for word in words),
        env=env,
        working_dir=str(working_dir),
        hostname=hostname[:63],
        address=setting.place.pod_ip,
        log=log,
        memory_limit=None if limit is None else int(limit),
    )


def _working_dir(container: Json, rewriter: Rewriter, folder: PodFolder) -> Path:
    """The container's workingDir: in a mount, else of this machine if it is there, else made in the pod's folder."""
    asked = container.get("workingDir")
    scratch = folder.work(container["name"])
    if not asked:
        return scratch
    mounted = rewriter.place(asked)
    if mounted is not None:
        return mounted
    if Path(asked).is_dir():
        return Path(asked)
    return scratch.joinpath(*[part for part in Path(asked).parts if part not in ("/", "..")])


def kinds(pod: Json) -> list[tuple[Json, Kind]]:
    """The containers of POD with their kinds, init containers first, in the order of the spec."""
    spec = pod["spec"]
    init = [(c, Kind.SIDECAR if is_sidecar(c) else Kind.INIT) for c in spec.get("initContainers") or []]
    return init + [(container, Kind.MAIN) for container in spec["containers"]]


def share_gpus(pod: Json, gpus: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Container name -> its GPUs of those the pod has. Those that run together never share one."""
    shares: dict[str, tuple[str, ...]] = {}
    taken = 0
    for container, kind in kinds(pod):
        count = int(container_requests(container).get(GPU, 0))
        shares[container["name"]] = gpus[taken : taken + count]
        if kind is not Kind.INIT:
            taken += count
    return shares
