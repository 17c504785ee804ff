"""Tokens of service accounts: asked for as kubectl asks, valid for their time and as long as the account is there."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from api_objects import created
from api_server import ApiServerInThread

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(tmp_path: Path, clock: Clock) -> Iterator[ApiServerInThread]:
    server = ApiServerInThread(tmp_path, now=clock)
    server.start()
    created(server, ACCOUNTS, {"metadata": {"name": "robot"}})
    yield server
    server.stop()


def whose(server: ApiServerInThread, token: str) -> str | None:
    """The name of the user, None when the token is refused."""
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    status, answer = server.request("POST", path, {}, Authorization=f"Bearer {token}")
    return answer["status"]["userInfo"]["username"] if status == 201 else None


def test_a_token_says_whose_it_is(server: ApiServerInThread) -> None:
    answer = created(server, f"{ACCOUNTS}/robot/token", {"spec": {"expirationSeconds": 600, "audiences": ["me"]}})
    token = answer["status"]["token"]
    assert whose(server, token) == "system:serviceaccount:default:robot"
    assert answer["status"]["expirationTimestamp"] == "2026-11-21T12:10:00Z"
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (claims["sub"], claims["aud"]) == ("system:serviceaccount:default:robot", ["me"])


def test_it_ends(server: ApiServerInThread, clock: Clock) -> None:
    token = created(server, f"{ACCOUNTS}/robot/token", {})["status"]["token"]
    clock.now += timedelta(minutes=59)
    assert whose(server, token)
    clock.now += timedelta(minutes=2)
    assert whose(server, token) is None


def test_it_ends_with_its_account_even_if_another_has_its_name(server: ApiServerInThread) -> None:
    token = created(server, f"{ACCOUNTS}/robot/token", {})["status"]["token"]
    server.request("DELETE", f"{ACCOUNTS}/robot")
    assert whose(server, token) is None
    created(server, ACCOUNTS, {"metadata": {"name": "robot"}})
    assert whose(server, token) is None


def test_it_holds_over_a_restart(server: ApiServerInThread) -> None:
    token = created(server, f"{ACCOUNTS}/robot/token", {})["status"]["token"]
    server.restart()
    assert whose(server, token)


def test_a_changed_token_is_none(server: ApiServerInThread) -> None:
    header, claims, signature = created(server, f"{ACCOUNTS}/robot/token", {})["status"]["token"].split(".")
    forged = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forged["kubernetes.io"]["serviceaccount"]["name"] = "default"
    text = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
    for token in (f"{header}.{text}.{signature}", f"{header}.{claims}.", f"{header}.{claims}", "..", f"x.{claims}.x"):
        assert whose(server, token) is None


@pytest.mark.parametrize(
    ("name", "spec", "status", "said"),
    [
        ("nobody", {}, 404, 'serviceaccounts "nobody" not found'),
        ("robot", {"expirationSeconds": 60}, 422, "may not specify a duration less than 10 minutes"),
        ("robot", {"expirationSeconds": 1 << 33}, 422, "may not specify a duration larger than 2^32 seconds"),
        ("robot", {"expirationSeconds": "long"}, 400, "cannot unmarshal string"),
        ("robot", {"boundObjectRef": {"kind": "Pod", "name": "p"}}, 400, "bound to an object"),
    ],
)
def test_what_is_refused(server: ApiServerInThread, name: str, spec: object, status: int, said: str) -> None:
    code, answer = server.request("POST", f"{ACCOUNTS}/{name}/token", {"spec": spec})
    assert (code, said in answer["message"]) == (status, True), answer
