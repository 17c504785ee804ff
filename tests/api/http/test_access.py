"""Who may ask."""

from __future__ import annotations

import pytest
from api_objects import CONFIG_MAPS
from api_server import ApiServerInThread


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic Zm9vOmJhcg==", "Bearer \xff"])
@pytest.mark.parametrize("path", [CONFIG_MAPS, "/api", "/apis", "/version", "/openapi/v3", "/nowhere"])
def test_without_the_token_everything_is_401(api_server: ApiServerInThread, path: str, header: str) -> None:
    status, answer = api_server.request("GET", path, Authorization=header)
    assert (status, answer["kind"], answer["reason"]) == (401, "Status", "Unauthorized")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])  # RFC 9110: no matter of case; clients in pods write it small
def test_the_scheme_may_be_written_in_any_case(api_server: ApiServerInThread, scheme: str) -> None:
    status, _ = api_server.request("GET", "/api", Authorization=f"{scheme} {api_server.token}")
    assert status == 200


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_health_needs_no_token(api_server: ApiServerInThread, path: str) -> None:
    assert api_server.request("GET", path, Authorization="") == (200, "ok")


def test_it_listens_on_the_loopback_address_alone(api_server: ApiServerInThread) -> None:
    assert api_server.url.startswith("https://127.0.0.1:")
    assert [address[0] for address in api_server.server.addresses] == ["127.0.0.1"]
