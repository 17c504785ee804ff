"""Logs, descriptions and events of pods with kubectl, and what it says of things that this cluster does not have."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from api_objects import MERGE, created, pod
from kubectl_runner import SECONDS, Kubectl, cluster_with_kubectl
from log_endpoint import serving

PODS = "/api/v1/namespaces/default/pods"


class Node(ThreadingHTTPServer):
    """The log endpoint of a node: three lines of each container, and with follow what a test puts into `more`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Log)
        self.more: queue.Queue[str | None] = queue.Queue()


class _Log(BaseHTTPRequestHandler):
    server: Node

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        _, _, _, pod_name, container = url.path.split("/")
        before = "old " if query.get("previous") == "true" else ""
        lines = [f"{before}{pod_name} {container} {number}\n" for number in (1, 2, 3)]
        lines = lines[-int(query.get("tailLines", "3")) :]
        if query.get("timestamps") == "true":
            lines = [f"2026-01-01T00:00:00.000000000Z {line}" for line in lines]
        if query.get("sinceSeconds"):
            lines = [f"since {query['sinceSeconds']}\n"]
        self.send_response(200)
        self.end_headers()
        self.wfile.write("".join(lines).encode())
        while query.get("follow") == "true" and (line := self.server.more.get(timeout=SECONDS)) is not None:
            self.wfile.write(line.encode())

    def log_message(self, *_: Any) -> None:
        """Nothing to the console."""


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with serving(Node()) as server:
        yield server


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory, node: Node) -> Iterator[Kubectl]:
    """A cluster with a node that has logs, pods x and y of two containers there, and one pod without a node."""
    with cluster_with_kubectl(tmp_path_factory.mktemp("cluster")) as kubectl:
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": node.server_port}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Up", "message": "it is up"}],
            "capacity": {"cpu": "4", "memory": "8Gi"},
        }
        created(kubectl.server, "/api/v1/nodes", {"metadata": {"name": "n"}})
        assert kubectl.server.request("PATCH", "/api/v1/nodes/n/status", {"status": status}, MERGE)[0] == 200
        containers = [{"name": name, "image": "i:1", "env": [{"name": "A", "value": "1"}]} for name in ("a", "b")]
        for name in ("x", "y", "waiting"):
            made = pod(name, containers=containers)
            made["metadata"]["labels"] = {"app": "waiting" if name == "waiting" else "both"}
            created(kubectl.server, PODS, made)
        for name in ("x", "y"):
            created(
                kubectl.server,
                f"{PODS}/{name}/binding",
                {"metadata": {"name": name}, "target": {"kind": "Node", "name": "n"}},
            )
        yield kubectl


def lines(pod_name: str, container: str, *numbers: int, prefix: str = "") -> str:
    return "".join(f"{prefix}{pod_name} {container} {number}\n" for number in numbers)


LOGS = {
    "x -c a": lines("x", "a", 1, 2, 3),
    "x -c b --tail=2": lines("x", "b", 2, 3),
    "x a --tail=1": lines("x", "a", 3),
    "x -c a --previous": lines("x", "a", 1, 2, 3, prefix="old "),
    "x -c a --timestamps --tail=1": lines("x", "a", 3, prefix="2026-01-01T00:00:00.000000000Z "),
    "x -c a --since=5m": "since 300\n",
    "x --all-containers": lines("x", "a", 1, 2, 3) + lines("x", "b", 1, 2, 3),
    "x --all-containers --prefix --tail=1": (
        lines("x", "a", 3, prefix="[pod/x/a] ") + lines("x", "b", 3, prefix="[pod/x/b] ")
    ),
    "-l app=both -c b --tail=1 --prefix": (
        lines("x", "b", 3, prefix="[pod/x/b] ") + lines("y", "b", 3, prefix="[pod/y/b] ")
    ),
    "waiting -c a": "",
}


@pytest.mark.parametrize("arguments", LOGS)
def test_logs(kubectl: Kubectl, arguments: str) -> None:
    shown, expected = kubectl("logs", *arguments.split(" ")), LOGS[arguments]
    if arguments.startswith("-l") or "--all" in arguments:  # kubectl keeps several logs in a map: in no certain order
        shown, expected = ("".join(sorted(text.splitlines(keepends=True))) for text in (shown, expected))
    assert shown == expected


def test_logs_that_are_followed(kubectl: Kubectl, node: Node) -> None:
    with kubectl.background("logs", "-f", "x", "-c", "a", "--tail=1", "--prefix") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "[pod/x/a] x a 3\n"
        node.more.put("more\n")
        assert following.stdout.readline() == "[pod/x/a] more\n"
        node.more.put(None)
        assert following.wait(SECONDS) == 0


def test_the_default_container_is_named(kubectl: Kubectl) -> None:
    code, printed, said = kubectl.run("logs", "x", "--tail=1")
    assert (code, printed, said) == (0, "x a 3\n", 'Defaulted container "a" out of: a, b\n')


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("logs nope", 'error: error from server (NotFound): pods "nope" not found in namespace "default"\n'),
        ("logs x -c none", "error: container none is not valid for pod x out of: a, b\n"),
        ("logs x --tail=-5", "error: --tail must be greater than or equal to -1\n"),
        ("exec x -c a -- ls", "error: unable to upgrade connection: exec is not possible in this cluster"),
        ("attach x -c a", "error: unable to upgrade connection: attach is not possible in this cluster"),
        ("cp x:/file file -c a", "error: unable to upgrade connection: exec is not possible in this cluster"),
        ("port-forward waiting 80", "error: unable to forward port because pod is not running. Current status=Pending"),
        ("top pods", "error: Metrics API not available\n"),
    ],
)
def test_what_is_not_there(kubectl: Kubectl, arguments: str, said: str) -> None:
    assert said in kubectl.fails(*arguments.split(" "))


def test_port_forward_into_a_running_pod(kubectl: Kubectl) -> None:
    running = {"status": {"phase": "Running"}}
    assert kubectl.server.request("PATCH", f"{PODS}/y/status", running, MERGE)[0] == 200
    assert "portforward is not possible in this cluster" in kubectl.fails("port-forward", "y", ":80")


def test_describe_and_events(kubectl: Kubectl) -> None:
    uid = json.loads(kubectl("get", "pod", "x", "-o", "json"))["metadata"]["uid"]
    about = {"apiVersion": "v1", "kind": "Pod", "name": "x", "namespace": "default", "uid": uid}
    event = {
        "metadata": {"generateName": "x."},
        "involvedObject": about,
        "reason": "Pulled",
        "message": "the image is there",
        "type": "Warning",
        "source": {"component": "tests"},
        "count": 3,
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    created(kubectl.server, "/api/v1/namespaces/default/events", event)
    described = kubectl("describe", "pod", "x")
    facts = {tuple(line.split()) for line in described.splitlines()}
    assert {("Name:", "x"), ("Node:", "n/"), ("Labels:", "app=both"), ("QoS", "Class:", "BestEffort")} <= facts
    last = described.splitlines()[-1]
    assert last.split()[:2] == ["Warning", "Pulled"]
    assert "(x3 over" in last
    assert last.endswith("the image is there")
    assert kubectl("events", "--for", "pod/x", "--no-headers").split()[-7:] == [
        "Warning",
        "Pulled",
        "Pod/x",
        "the",
        "image",
        "is",
        "there",
    ]
    assert kubectl("events", "--types=Normal") == ""
    assert kubectl("get", "events", "--field-selector", "involvedObject.name=x,type=Warning", "--no-headers").split()[
        -7:
    ] == ["Warning", "Pulled", "pod/x", "the", "image", "is", "there"]


def test_describe_a_node_and_a_namespace(kubectl: Kubectl) -> None:
    described = kubectl("describe", "node", "n")
    assert "Ready" in described
    assert "it is up" in described
    assert "  cpu:     4\n" in described
    assert "default                     x " in described  # its pods
    assert "Status:       Active\n" in kubectl("describe", "namespace", "default")


def test_cordon_and_taint(kubectl: Kubectl) -> None:
    kubectl.script(
        {
            "cordon n": "node/n cordoned\n",
            "get node n -o jsonpath={.spec.unschedulable}": "true",
            "uncordon n": "node/n uncordoned\n",
            "taint node n key=value:NoSchedule": "node/n tainted\n",
            "get node n -o jsonpath={.spec.taints[*].key}": "key",
            "taint node n key-": "node/n untainted\n",
        }
    )


def test_set_image(kubectl: Kubectl) -> None:
    assert kubectl("set", "image", "pod/waiting", "a=i:2") == "pod/waiting image updated\n"
    refused = kubectl.fails("set", "env", "pod/waiting", "A=2")
    assert 'Pod "waiting" is invalid: spec: Forbidden: pod updates may not change fields other than' in refused
