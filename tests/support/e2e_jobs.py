"""The jobs of the end-to-end suite: programs of tests/e2e/programs, brought by ConfigMaps."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2e_cluster import Cluster
from e2e_store import CONTAINER_SECURITY, POD_SECURITY

JSON = dict[str, Any]
PROGRAMS = Path(__file__).parents[1] / "e2e" / "programs"
STAND_INS = Path(__file__).parents[1] / "e2e" / "standins"
_SMALL = {"cpu": "100m", "memory": "256Mi"}
_ARCHIVE = "standins.zip"


def start(
    cluster: Cluster,
    name: str,
    program: str,
    image: str | None,
    *,
    stand_in: bool = False,
    variables: Mapping[str, str] = {},
    **spec: Any,
) -> None:
    """Apply a job that runs a program; `stand_in`: with the modules of `standins` in the place of a framework."""
    env = [{"name": key, "value": value} for key, value in variables.items()]
    source = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-code"}}
    source["data"] = {"train.py": (PROGRAMS / program).read_text()}
    if stand_in:
        source["binaryData"] = {_ARCHIVE: base64.b64encode(_stand_ins()).decode()}
        env.append({"name": "PYTHONPATH", "value": f"/footplate/code/{_ARCHIVE}"})
    job = {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": {
            **({"image": image} if image else {}),
            "source": {"configMap": {"name": f"{name}-code"}},
            "entrypoint": {"script": "train.py"},
            "resources": _SMALL,
            "podTemplate": {"spec": {"containers": [{"name": "train", "env": env}]}},
            **spec,
        },
    }
    cluster.apply(source, job)


def _stand_ins() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(STAND_INS.rglob("*.py")):
            packed.write(path, str(path.relative_to(STAND_INS)))
    return archive.getvalue()


class Gate:
    """A pod that answers connections; a gated program runs for as long as it does."""

    NAME = "e2e-gate"
    PORT = 9999

    def __init__(self, cluster: Cluster, image: str) -> None:
        self._cluster = cluster
        script = (
            "import os, socketserver\n"
            f"address = (os.environ['POD_IP'], {self.PORT})\n"
            "socketserver.ThreadingTCPServer(address, socketserver.BaseRequestHandler).serve_forever()\n"
        )
        container = {
            "name": "gate",
            "image": image,
            "command": ["python3", "-u", "-c", script],
            "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            "securityContext": CONTAINER_SECURITY,
        }
        spec = {"securityContext": POD_SECURITY, "containers": [container], "terminationGracePeriodSeconds": 0}
        cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.NAME}, "spec": spec})
        self.address = f"{cluster.wait('the gate has an address', self._ip)}:{self.PORT}"

    def _ip(self) -> str | None:
        pod = self._cluster.get("pod", self.NAME) or {}
        status = pod.get("status") or {}
        return status.get("podIP") if status.get("phase") == "Running" else None

    def open(self) -> None:
        """Let gated programs end."""
        self._cluster.kubectl("delete", "pod", self.NAME, "--ignore-not-found")
