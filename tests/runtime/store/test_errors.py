"""What a person reads when the store does not do as asked."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from s3_server import S3Server
from tcp_gate import gate

from footplate_runtime.store import (
    AccessDenied,
    InvalidKey,
    InvalidStore,
    NotFound,
    StoreUnavailable,
    open_store,
    split_uri,
)

ROOT = os.geteuid() == 0


def test_wrong_keys(s3_server: S3Server) -> None:
    env = s3_server.env | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    store = open_store(s3_server.new_uri(), s3_server.endpoint, None, env)

    with pytest.raises(AccessDenied, match=r"refused access to s3://runs/.*key \(SignatureDoesNotMatch\).*Secret"):
        store.put("key", b"")
    with pytest.raises(AccessDenied, match="refused access"):
        list(store.list())
    with pytest.raises(AccessDenied, match="refused access"):
        store.put_if_absent("key", b"")
    with pytest.raises(AccessDenied, match="refused access"):
        store.get("key")


def test_a_bucket_that_is_not_there(s3_server: S3Server) -> None:
    store = open_store("s3://no-such-bucket/x/", s3_server.endpoint, None, s3_server.env)

    with pytest.raises(NotFound, match="The bucket of s3://no-such-bucket/x/key does not exist; create it"):
        store.put("key", b"")


def test_a_store_that_does_not_answer(s3_server: S3Server) -> None:
    with gate(s3_server.endpoint) as shut:
        shut.close()
        store = open_store(s3_server.new_uri(), shut.endpoint, None, s3_server.env)
        with pytest.raises(StoreUnavailable, match="Connection refused") as error:
            store.put("key", b"")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("uri", "advice"),
    [
        ("ftp://host/x", "use s3://, gs://, az:// or file://"),
        ("/home/ada", "use s3://"),
        ("s3://", "names no bucket"),
        ("s3://a b/c", "names no bucket"),
        ("file://host/x", "write file:///absolute/path"),
        ("file:relative", "write file:///absolute/path"),
    ],
)
def test_addresses_that_make_no_sense(uri: str, advice: str) -> None:
    with pytest.raises(InvalidStore, match=re.escape(advice)):
        open_store(uri)


def test_an_address_is_split() -> None:
    assert split_uri("s3://data/a#1/b?c") == ("s3", "data", "a#1/b?c")
    assert split_uri("file:///home/ada/with%20space") == ("file", "", "/home/ada/with space")


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_an_endpoint_without_a_scheme(scheme: str) -> None:
    with pytest.raises(InvalidStore, match="endpoint minio:9000 must begin with http:// or https://"):
        open_store(f"{scheme}://runs/", "minio:9000")


def test_half_of_the_credentials() -> None:
    with pytest.raises(InvalidStore, match=r"s3://runs/ cannot be used: .*SecretAccessKey.*Secret"):
        open_store("s3://runs/", env={"AWS_ACCESS_KEY_ID": "A"})


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.put("a", b"")

    with pytest.raises(InvalidKey, match="a file and a folder cannot have the same name"):
        store.put("a/b", b"")


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
def test_a_folder_without_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(AccessDenied, match="give this user the right"):
        open_store((tmp_path / "store").as_uri()).put("a", b"")
