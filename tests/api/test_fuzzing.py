"""Ten thousand random and mutated requests: none is answered by 500, none hangs, and the store stays whole.

A failure names the request; `FUZZ_SEED=<seed> pytest tests/api/test_fuzzing.py` repeats its stream, and
`FUZZ_REQUESTS` asks for more of them.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from api_fuzzing import Draft, Fuzzer
from api_server import ApiServerInThread

JSON = dict[str, Any]
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "2500"))
SEEDS = [int(os.environ["FUZZ_SEED"])] if "FUZZ_SEED" in os.environ else [1, 2, 3, 4]
ANSWER_SECONDS = 10.0


class Wire:
    """One connection that is kept open while the server keeps it, and is given raw bytes."""

    def __init__(self, server: ApiServerInThread) -> None:
        self._server = server
        self._context = ssl.create_default_context(cafile=server.certificate)
        self._socket: ssl.SSLSocket | None = None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, draft: Draft) -> tuple[int, bytes]:
        """Status and body. Of a watch, only its beginning is waited for."""
        if self._socket is None:
            plain = socket.create_connection(("127.0.0.1", self._server.server.port), timeout=ANSWER_SECONDS)
            self._socket = self._context.wrap_socket(plain, server_hostname="127.0.0.1")
        content = draft.content()
        headers = {
            "Host": "127.0.0.1",
            "Authorization": f"Bearer {self._server.token}",
            "Content-Length": str(len(content)),
            **draft.headers,
        }
        head = f"{draft.method} {draft.target()} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        self._socket.sendall(head.encode("latin-1", "replace") + b"\r\n" + content)
        response = http.client.HTTPResponse(self._socket, method=draft.method)
        response.begin()
        streams = response.chunked and response.status == 200
        body = b"" if streams else response.read()
        if streams or response.will_close:
            self.close()
        return response.status, body


@pytest.mark.parametrize("seed", SEEDS)
def test_no_request_breaks_the_server(api_server: ApiServerInThread, seed: int) -> None:
    fuzzer = Fuzzer(seed)
    wire = Wire(api_server)
    for draft in fuzzer.setup():
        fuzzer.learn(draft, *_checked(wire, draft))
    for number in range(REQUESTS):
        draft = fuzzer.next()
        try:
            fuzzer.learn(draft, *_checked(wire, draft))
        except (AssertionError, OSError, http.client.HTTPException) as error:
            pytest.fail(f"seed {seed}, request {number}: {error!r}\n{draft}")
    wire.close()
    before = _settled(api_server)
    assert sum(map(len, before.values())) > 50
    api_server.restart()
    assert _everything(api_server) == before


def _checked(wire: Wire, draft: Draft) -> tuple[int, Any]:
    """The answer, which must be one that kube-apiserver could give."""
    status, body = wire.send(draft)
    assert status < 500 or _as_kube_apiserver(draft, status, body), body.decode(errors="replace")
    if draft.method == "HEAD":
        return status, None
    if status < 400:
        return status, _parsed(body) if body.startswith((b"{", b"[")) else None
    if (status, body) == (404, b"404 page not found\n"):
        return status, None  # as kube-apiserver answers where no API is
    answer = _parsed(body)
    assert (answer["kind"], answer["apiVersion"], answer["status"]) == ("Status", "v1", "Failure"), answer
    assert answer["code"] == status, answer
    assert isinstance(answer["message"], str), answer
    assert isinstance(answer["reason"], str), answer
    return status, answer


def _as_kube_apiserver(draft: Draft, status: int, body: bytes) -> bool:
    """An answer above 500 that kube-apiserver gives as well."""
    match status:
        case 503:
            return "/log" in draft.path
        case 504:
            return b"Too large resource version" in body
    return False


def _parsed(body: bytes) -> Any:
    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    text = body.decode()
    assert "\\ud8" not in text
    return json.loads(text, parse_constant=refuse)


def _settled(server: ApiServerInThread) -> dict[str, JSON]:
    """Everything, once what deletions entail has happened."""
    found = _everything(server)
    for _ in range(20):
        before, found = found, _everything(server)
        if found == before:
            return found
    raise AssertionError("the server does not come to rest")


def _everything(server: ApiServerInThread) -> dict[str, JSON]:
    """Every object by its path, from lists, which watches that begin now must agree with."""
    found: dict[str, JSON] = {}
    for path in _collections(server):
        status, answer = server.request("GET", path)
        assert status == 200, (path, answer)
        assert isinstance(answer, dict), (path, answer)
        found[path] = {_name(item): item["metadata"] for item in answer["items"]}
        with server.open("GET", f"{path}?watch=true&timeoutSeconds=1&sendInitialEvents=true&allowWatchBookmarks=true"
                         "&resourceVersionMatch=NotOlderThan") as response:  # fmt: skip
            assert {_name(event["object"]): event["object"]["metadata"] for event in _initial(response)} == found[path]
    return found


def _initial(response: http.client.HTTPResponse) -> Iterator[JSON]:
    for line in response:
        event = _parsed(line)
        if event["type"] != "ADDED":
            assert event["type"] == "BOOKMARK", event
            return
        yield event


def _name(obj: JSON) -> str:
    return f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"


def _collections(server: ApiServerInThread) -> list[str]:
    groups = server.request("GET", "/apis")[1]["groups"]
    roots = ["/api/v1", *(f"/apis/{version['groupVersion']}" for group in groups for version in group["versions"])]
    return [
        f"{root}/{resource['name']}"
        for root in roots
        for resource in server.request("GET", root)[1]["resources"]
        if "/" not in resource["name"] and "list" in resource["verbs"]
    ]
