"""The store of the end-to-end suite: SeaweedFS in the cluster, or one that is there; and a pod that reads it."""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from e2e_cluster import Cluster
from e2e_plan import Plan

JSON = dict[str, Any]
SECRET = "footplate-store"
SERVER = "seaweedfs"
PORT = 8333
# restricted Pod Security Standard (docs/security.md)
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_BUCKET = "runs"
_LONGEST_TEXT = 1 << 16
_numbers = itertools.count(1)

# Prints all keys below the address, and what is in the small ones.
_READ = f"""\
import json, os
from footplate_runtime.store import open_store
order = json.loads(os.environ["E2E_STORE"])
store = open_store(order["uri"], order["endpoint"], order["region"])
sizes = {{entry.key: entry.size for entry in store.list()}}
texts = {{key: store.get(key).decode("utf-8", "replace") for key, size in sizes.items() if size < {_LONGEST_TEXT}}}
print(json.dumps({{"sizes": sizes, "texts": texts}}))
"""
_PAGE = """\
import os, urllib.request
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(direct.open(os.environ["E2E_PAGE"], timeout=30).read().decode())
"""
# The server answers before its bucket can be written to.
_PROBE = """\
import json, os, sys, time
from footplate_runtime.store import StoreError, open_store
order = json.loads(os.environ["E2E_STORE"])
deadline = time.monotonic() + 240
while True:
    try:
        open_store(order["uri"], order["endpoint"], order["region"]).put("e2e-probe", b"")
        break
    except StoreError as error:
        if time.monotonic() > deadline:
            sys.exit(str(error))
        time.sleep(0.5)
"""


@dataclass(frozen=True, slots=True)
class Store:
    """Where runs go; `keys` are in the Secret of the jobs' namespace."""

    uri: str
    endpoint: str | None
    region: str | None
    keys: Mapping[str, str]

    @property
    def values(self) -> JSON:
        """For the chart."""
        found = {"uri": self.uri, "endpoint": self.endpoint, "region": self.region}
        chosen = {key: value for key, value in found.items() if value}
        return {**chosen, "secretName": SECRET} if self.keys else chosen

    def reached_from_here(self) -> bool:
        """Whether the command line on this machine can read it, too."""
        if not self.endpoint:
            return True
        place = urlsplit(self.endpoint)
        try:
            socket.create_connection((place.hostname or "", place.port or 443), timeout=3).close()
        except OSError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Files:
    """What lies below an address: sizes by key, and the contents of small files."""

    sizes: Mapping[str, int]
    texts: Mapping[str, str]


class StoreReader:
    """Reads from a pod of the runtime image, so that nothing outside the cluster needs to reach the store."""

    def __init__(self, cluster: Cluster, plan: Plan, store: Store) -> None:
        self._cluster = cluster
        self._plan = plan
        self._store = store

    def read(self, uri: str) -> Files:
        found = json.loads(self._run("read", _READ, uri))
        return Files(found["sizes"], found["texts"])

    def wait_until_writable(self) -> None:
        self._run("probe", _PROBE, self._store.uri)

    def page(self, url: str) -> str:
        """What a server in the cluster answers."""
        return self._pod("page", _PAGE, {"E2E_PAGE": url}).strip()

    def _run(self, what: str, script: str, uri: str) -> str:
        order = {"uri": uri, "endpoint": self._store.endpoint, "region": self._store.region}
        return self._pod(what, script, {"E2E_STORE": json.dumps(order)})

    def _pod(self, what: str, script: str, variables: Mapping[str, str]) -> str:
        name = f"e2e-{what}-{next(_numbers)}"
        container = {
            "name": what,
            "image": self._plan.runtime_image,
            "command": ["python3", "-c", script],
            "env": [{"name": key, "value": value} for key, value in variables.items()],
            "envFrom": [{"secretRef": {"name": SECRET, "optional": True}}],
            "securityContext": CONTAINER_SECURITY,
        }
        spec = {"restartPolicy": "Never", "securityContext": POD_SECURITY, "containers": [container]}
        self._cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
        said = self._cluster.pod_ended(name)
        self._cluster.kubectl("delete", "pod", name, "--wait=false")
        return said


def keys_secret(store: Store) -> JSON:
    """The Secret that each namespace with jobs has."""
    data = {name: base64.b64encode(value.encode()).decode() for name, value in store.keys.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "data": data}


def given_store(plan: Plan) -> Store | None:
    """The store that the environment names; each run of the suite has a folder of its own there."""
    asked = plan.store
    if asked is None:
        return None
    return Store(f"{asked.uri.rstrip('/')}/{plan.release}", asked.endpoint, asked.region, asked.keys)


def start_seaweedfs(cluster: Cluster, plan: Plan, ports: Mapping[str, int], by_address: bool) -> Store:
    """SeaweedFS in a pod; `by_address`: at the pod's address, where there is no DNS for Services.

    `ports`: of its parts, by the name of the option, where the usual ones may be taken.
    """
    key, secret = "A" + secrets.token_hex(8), secrets.token_hex(16)
    keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    cluster.apply(*_server(plan, ports, key, secret), namespace=plan.stores)

    def ready() -> JSON | None:
        pod = cluster.get("pod", SERVER, plan.stores) or {}
        status = pod.get("status") or {}
        conditions = status.get("conditions") or []
        ended = sum(item.get("restartCount", 0) for item in status.get("containerStatuses") or [])
        assert ended < 2, f"SeaweedFS ends: {cluster.tried('logs', SERVER, namespace=plan.stores).stdout[-2000:]}"
        return pod if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions) else None

    pod = cluster.wait("the pod of SeaweedFS is ready", ready)
    host = pod["status"]["podIP"] if by_address else f"{SERVER}.{plan.stores}.svc"
    return Store(f"s3://{_BUCKET}/e2e", f"http://{host}:{ports.get('s3.port', PORT)}", "us-east-1", keys)


def _server(plan: Plan, ports: Mapping[str, int], key: str, secret: str) -> list[JSON]:
    labels = {"app": SERVER}
    identity = {"name": "e2e", "credentials": [{"accessKey": key, "secretKey": secret}], "actions": ["Admin"]}
    config = {"s3.json": json.dumps({"identities": [identity]})}
    arguments = ["mini", "-dir=/data", "-ip=$(POD_IP)", "-ip.bind=$(POD_IP)", "-s3.config=/config/s3.json"]
    arguments += [f"-bucket={_BUCKET}", "-s3.autoCreateBucket=false", "-master.telemetry=false", "-admin.ui=false"]
    arguments += ["-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    arguments += ["-filer.localSocket=/data/filer.sock", "-s3.localSocket=/data/s3.sock"]
    arguments += [f"-{name}={port}" for name, port in ports.items()]
    container = {
        "name": SERVER,
        "image": plan.images.seaweedfs,
        "command": ["weed", *arguments],
        "env": [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "GOMEMLIMIT", "value": "512MiB"},
        ],
        "workingDir": "/data",
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "config", "mountPath": "/config"}],
        "securityContext": CONTAINER_SECURITY,
    }
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "config", "secret": {"secretName": SERVER}}]
    service = {"selector": labels, "ports": [{"name": "s3", "port": PORT}]}
    pod = {"securityContext": POD_SECURITY, "containers": [container], "volumes": volumes}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SERVER}, "stringData": config},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVER}, "spec": service},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": SERVER, "labels": labels}, "spec": pod},
    ]
