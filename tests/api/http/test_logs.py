"""Logs are passed on from the node that runs the pod, as they come."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from api_objects import PODS, created, pod
from api_server import ApiServerInThread
from log_endpoint import serving

ENOUGH = 10.0


class Kubelet(ThreadingHTTPServer):
    """The log endpoint of a node: sends what a test puts into `lines`, until None."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _LogHandler)
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        self.asked: list[str] = []
        self.left = threading.Event()


class _LogHandler(BaseHTTPRequestHandler):
    server: Kubelet

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if "broken" in self.path:
            self.send_error(400, "container broken is waiting to start")
            return
        self.send_response(200)
        self.end_headers()
        while (line := self.server.lines.get(timeout=ENOUGH)) is not None:
            try:
                self.wfile.write(line)
            except OSError:
                self.server.left.set()
                return

    def log_message(self, *_: Any) -> None:
        """Nothing to the console."""


@pytest.fixture
def kubelet() -> Iterator[Kubelet]:
    with serving(Kubelet()) as server:
        yield server


@pytest.fixture
def cluster(api_server: ApiServerInThread, kubelet: Kubelet) -> ApiServerInThread:
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n"},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet.server_port}},
        },
    }
    created(api_server, "/api/v1/nodes", node)
    created(api_server, PODS, pod("p"))
    created(api_server, f"{PODS}/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}})
    return api_server


def test_a_log_is_passed_on_with_its_query(cluster: ApiServerInThread, kubelet: Kubelet) -> None:
    for line in (b"one\n", b"\xff\xfe\n", None):
        kubelet.lines.put(line)
    with cluster.open("GET", f"{PODS}/p/log?tailLines=2&timestamps=true&unknown=1") as response:
        assert (response.status, response.read()) == (200, b"one\n\xff\xfe\n")
    assert kubelet.asked == ["/containerLogs/default/p/main?tailLines=2&timestamps=true"]


def test_a_followed_log_comes_line_by_line(cluster: ApiServerInThread, kubelet: Kubelet) -> None:
    with cluster.open("GET", f"{PODS}/p/log?follow=true") as response:
        kubelet.lines.put(b"one\n")
        assert response.readline() == b"one\n"
        kubelet.lines.put(b"two\n")
        assert response.readline() == b"two\n"
        kubelet.lines.put(None)
        assert response.read() == b""


def test_a_client_that_leaves_ends_the_nodes_stream_too(cluster: ApiServerInThread, kubelet: Kubelet) -> None:
    with cluster.open("GET", f"{PODS}/p/log?follow=true") as response:
        kubelet.lines.put(b"one\n")
        assert response.readline() == b"one\n"
    for _ in range(1000):
        kubelet.lines.put(b"x" * 1000)
        if kubelet.left.wait(0.01):
            break
    assert kubelet.left.is_set()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        (f"{PODS}/p/log?container=none", 400, "container none is not valid for pod p"),
        (f"{PODS}/q/log?tailLines=-1", 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        (f"{PODS}/q/log?limitBytes=0", 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        (f"{PODS}/q/log?sinceSeconds=0", 422, 'PodLogOptions "q" is invalid: sinceSeconds: Invalid value: 0'),
        (f"{PODS}/q/log?sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z", 422, "at most one of `sinceTime` or"),
        (f"{PODS}/q/log?tailLines=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        (f"{PODS}/q/exec", 501, "exec is not possible in this cluster"),
        (f"{PODS}/zz/attach", 404, 'pods "zz" not found'),
        (f"{PODS}/two/log", 400, "a container name must be specified for pod two, choose one of: [a broken]"),
        (f"{PODS}/zz/log", 404, 'pods "zz" not found'),
        (f"{PODS}/two/log?container=broken", 400, "container broken is waiting to start"),
    ],
)
def test_no_log(cluster: ApiServerInThread, path: str, status: int, text: str) -> None:
    created(cluster, PODS, pod("q"))
    created(cluster, PODS, pod("two", containers=[{"name": name, "image": "i"} for name in ("a", "broken")]))
    created(cluster, f"{PODS}/two/binding", {"metadata": {"name": "two"}, "target": {"kind": "Node", "name": "n"}})
    code, answer = cluster.request("GET", path)
    assert code == status
    assert text in answer["message"]


def test_a_pod_without_a_node_has_no_log_yet(cluster: ApiServerInThread) -> None:
    created(cluster, PODS, pod("q"))
    assert cluster.request("GET", f"{PODS}/q/log") == (204, "")


def test_a_node_that_does_not_answer_is_503(cluster: ApiServerInThread, kubelet: Kubelet) -> None:
    kubelet.shutdown()
    kubelet.server_close()
    status, answer = cluster.request("GET", f"{PODS}/p/log")
    assert (status, answer["reason"]) == (503, "ServiceUnavailable")
