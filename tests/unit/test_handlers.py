"""kopf's connections to the API server."""

from __future__ import annotations

from dataclasses import replace

import kopf
import pytest
from fake_clock import FakeClock
from prometheus_client import CollectorRegistry

from footplate.handlers import Sessions
from footplate.kube.config import Credentials
from footplate.metrics.api import ApiMetrics

FIRST = Credentials(
    server="http://127.0.0.1:1",
    namespace="default",
    token="one",
    ca_path=None,
    certificate_path=None,
    key_path=None,
    insecure=False,
    proxy=None,
)


class Client:
    known = FIRST

    async def credentials(self) -> Credentials:
        return self.known


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def sessions(client: Client) -> Sessions:
    clock = FakeClock()
    return Sessions(client, ApiMetrics(CollectorRegistry(), clock), clock)


async def token(found: kopf.AiohttpSession | None) -> str | None:
    """What a session proves itself with; it is closed, as kopf closes it."""
    if found is None:
        return None
    async with found.aiohttp_session as session:
        return session.headers["Authorization"]


async def test_what_was_refused_is_not_given_again(sessions: Sessions, client: Client) -> None:
    assert await token(await sessions.open()) == "Bearer one"
    assert await token(await sessions.open()) is None
    client.known = replace(FIRST, token="two")
    assert await token(await sessions.open()) == "Bearer two", "the token was renewed"
    assert await token(await sessions.open()) is None


async def test_it_is_where_the_client_is(sessions: Sessions) -> None:
    found = await sessions.open()
    assert found is not None
    assert (found.server, found.default_namespace) == (FIRST.server, FIRST.namespace)
    await found.aiohttp_session.close()
