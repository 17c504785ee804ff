"""Where an S3 store is: its settings, or the variables that came with its keys."""

from __future__ import annotations

import pytest
from s3_server import S3Server

from footplate_runtime.store import open_store


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_the_endpoint_may_come_with_the_keys(s3_server: S3Server, variable: str) -> None:
    env = {**s3_server.env, variable: s3_server.endpoint, "AWS_REGION": s3_server.region or "us-east-1"}
    store = open_store(s3_server.new_uri(), env=env)

    store.put("key", b"hello")

    assert store.get("key") == b"hello"


def test_a_given_endpoint_is_the_one_that_counts(s3_server: S3Server) -> None:
    env = {**s3_server.env, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    store = open_store(s3_server.new_uri(), s3_server.endpoint, s3_server.region, env)

    assert list(store.list()) == []
