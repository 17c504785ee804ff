"""kopf's connections to the API server."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import kopf
import pytest
from fake_clock import FakeClock, settle
from prometheus_client import CollectorRegistry

from footplate.handlers import REFUSED_SECONDS, Sessions
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
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def sessions(client: Client, clock: FakeClock) -> Sessions:
    return Sessions(client, ApiMetrics(CollectorRegistry(), clock), clock)


async def token(found: kopf.AiohttpSession) -> str:
    """What a session proves itself with; it is closed, as kopf closes it."""
    async with found.aiohttp_session as session:
        return session.headers["Authorization"]


async def test_what_was_refused_is_tried_again_after_a_pause(sessions: Sessions, clock: FakeClock) -> None:
    assert await token(await sessions.open()) == "Bearer one"
    again = asyncio.ensure_future(sessions.open())
    await clock.elapse(REFUSED_SECONDS - 0.1)
    assert not again.done()
    await clock.elapse(0.2)
    assert await token(await again) == "Bearer one"


async def test_a_renewed_token_is_taken_at_once(sessions: Sessions, client: Client) -> None:
    assert await token(await sessions.open()) == "Bearer one"
    client.known = replace(FIRST, token="two")
    assert await token(await sessions.open()) == "Bearer two"


async def test_one_that_is_renewed_during_the_pause_is_taken_then(
    sessions: Sessions, client: Client, clock: FakeClock
) -> None:
    await token(await sessions.open())
    again = asyncio.ensure_future(sessions.open())
    await settle()
    client.known = replace(FIRST, token="two")
    await clock.elapse(REFUSED_SECONDS + 1)
    assert await token(await again) == "Bearer two"


async def test_it_is_where_the_client_is(sessions: Sessions) -> None:
    found = await sessions.open()
    assert (found.server, found.default_namespace) == (FIRST.server, FIRST.namespace)
    await found.aiohttp_session.close()
