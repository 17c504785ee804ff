"""The embedded cluster for the end-to-end suite: it runs pods as processes, so the chart is told a few things.

What a cluster has and this one has not: a token in the pod (the operator gets a kubeconfig with one of its account's,
whose rights are the chart's), a network of its own for each pod (the operator listens at the pod's address alone, as
others run beside it), and DNS for Services.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rights
from e2e_cluster import Cluster

from footplate_local import cluster
from footplate_local.home import ENV_HOME, Home

JSON = dict[str, Any]
_KUBECONFIG = "e2e-kubeconfig"
_ACCOUNT = "e2e-operator"
_REFUSED = re.compile(r'refused: .* cannot (\S+) resource "(\S+)" in API group "(\S*)"')
_WEED_PORTS = ("master", "volume", "filer", "s3", "admin")


class EmbeddedCluster:
    """`footplate local up --no-operator`, in a folder whose name is short: paths of sockets have 107 bytes at most."""

    def __init__(self, home: Path) -> None:
        self.home = Home(home)

    def up(self, environments: Path) -> None:
        """`environments`: where built ones are kept between runs."""
        environments.mkdir(parents=True, exist_ok=True)
        self.home.path.mkdir(parents=True, exist_ok=True)
        (self.home.path / "environments").symlink_to(environments)
        asyncio.run(cluster.up(self.home, _quiet, operator=False))

    def down(self) -> None:
        asyncio.run(cluster.down(self.home, _quiet))

    def prepare(self, found: Cluster, namespace: str) -> None:
        """What the chart's values name."""
        found.kubectl("create", "serviceaccount", _ACCOUNT, namespace=namespace)
        token = found.kubectl("create", "token", _ACCOUNT, "--duration", "24h", namespace=namespace).strip()
        config = json.loads(self.home.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}
        content = base64.b64encode(json.dumps(config).encode()).decode()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": _KUBECONFIG}, "data": {"config": content}}
        found.apply(secret, namespace=namespace)

    def refused(self) -> list[str]:
        """What the operator has asked for that is no right of the chart: nobody else here has limited ones.

        One that ends while its release is uninstalled is refused what it could do before.
        """
        given = {(right.verb, right.resource, right.group) for right in rights.rights()}
        found = _REFUSED.findall(self.home.log_of("apiserver").read_text())
        return [f"{verb} {resource}.{group}" for verb, resource, group in found if (verb, resource, group) not in given]

    @property
    def values(self) -> JSON:
        """For the chart."""
        return {
            "settings": {"pollSeconds": 2},
            "serviceAccount": {"create": False, "name": _ACCOUNT},
            "extraArgs": ["--health-host=$(POD_IP)"],
            "extraEnv": [
                {"name": "KUBECONFIG", "value": "/kubeconfig/config"},
                {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            ],
            "extraVolumes": [{"name": "kubeconfig", "secret": {"secretName": _KUBECONFIG}}],
            "extraVolumeMounts": [{"name": "kubeconfig", "mountPath": "/kubeconfig", "readOnly": True}],
            "builder": {
                "image": "footplate/runtime",
                "command": ["python3", "-m", "footplate_local.builder"],
                "env": {ENV_HOME: str(self.home.path)},
            },
        }


@contextlib.contextmanager
def embedded_cluster(environments: Path, keep: bool) -> Iterator[EmbeddedCluster]:
    """Running for as long as the block lasts, or for good with `keep`."""
    folder = Path(tempfile.mkdtemp(prefix="fp-e2e-"))
    found = EmbeddedCluster(folder / "home")
    try:
        found.up(environments)
        yield found
        assert found.refused() == []
    finally:
        if not keep:
            found.down()
            shutil.rmtree(folder, ignore_errors=True)


def seaweedfs_ports() -> dict[str, int]:
    """Free ones: its sockets in /tmp have their numbers in their names."""
    names = [f"{part}.port{kind}" for part in _WEED_PORTS for kind in ("", ".grpc")]
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)}


def _quiet(said: str) -> None:
    """The suite says what it does."""
