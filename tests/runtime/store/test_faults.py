"""What a cloud store says or does that is no good: each a sentence of its own, against the real server behind a proxy
that answers in its place."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fault_proxy import Fault, FaultProxy, Request, fault_proxy
from s3_server import S3Server

from footplate_runtime.store import (
    AccessDenied,
    InvalidStore,
    NotFound,
    Store,
    StoreError,
    StoreUnavailable,
    cloud_client,
    open_store,
)
from footplate_runtime.store.base import BLOCK, SINGLE_PUT_BYTES

LARGE = SINGLE_PUT_BYTES // BLOCK + 4  # blocks of what goes up in parts


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    with fault_proxy(s3_server.endpoint) as made:
        yield made


@pytest.fixture
def store(proxy: FaultProxy, s3_server: S3Server) -> Store:
    return open_store(s3_server.new_uri(), proxy.endpoint, s3_server.region, s3_server.env)


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (503, "SlowDown", StoreUnavailable, "the store is overloaded \\(SlowDown\\) and asks for fewer requests"),
        (503, "", StoreUnavailable, "overloaded"),
        (429, "TooManyRequests", StoreUnavailable, "overloaded"),
        (500, "InternalError", StoreUnavailable, "cannot be reached: InternalError"),
        (507, "XMinioStorageFull", StoreUnavailable, "the store is full .*; free some space, or raise its quota"),
        (507, "InsufficientStorage", StoreUnavailable, "the store is full"),
        (403, "QuotaExceeded", StoreUnavailable, "the store is full"),
        (403, "RequestTimeTooSkewed", StoreUnavailable, "clock of this machine is wrong .*; set it, best by NTP"),
        (403, "SignatureDoesNotMatch", AccessDenied, "refused access to .*\\(SignatureDoesNotMatch\\); check the keys"),
        (403, "InvalidAccessKeyId", AccessDenied, "refused access to .*\\(InvalidAccessKeyId\\)"),
        (403, "", AccessDenied, "refused access"),
        (400, "ExpiredToken", AccessDenied, "credentials for .* have expired \\(ExpiredToken\\); renew them"),
        (404, "NoSuchBucket", NotFound, "The bucket of .* does not exist; create it"),
        (301, "PermanentRedirect", InvalidStore, "another region; correct the region in the store's settings"),
        (400, "BadDigest", StoreUnavailable, "was damaged on its way, and the store refused it"),
    ],
)
def test_what_a_store_answers(
    store: Store, proxy: FaultProxy, status: int, code: str, kind: type[StoreError], said: str
) -> None:
    proxy.fault(Fault(status=status, code=code))
    for call in (lambda: store.put("key", b"x"), lambda: list(store.list())):
        with pytest.raises(kind, match=said) as told:
            call()
        assert "\n" not in str(told.value)
        assert store.uri in str(told.value)


def test_a_wrong_region_is_told_with_the_right_one(store: Store, proxy: FaultProxy) -> None:
    message = "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'"
    proxy.fault(Fault(status=400, code="AuthorizationHeaderMalformed", message=message))

    with pytest.raises(InvalidStore, match=r"in another region .*expected is eu-central-1"):
        store.put("key", b"x")


def test_a_hiccup_is_bridged(store: Store, proxy: FaultProxy) -> None:
    proxy.fault(Fault(status=503, code="SlowDown", times=2))

    store.put("key", b"x")

    assert proxy.faulted == 2
    assert store.get("key") == b"x"


@pytest.mark.parametrize("fault", [Fault(cut_after=100_000, times=1), Fault(status=500, code="InternalError", times=1)])
def test_a_part_that_fails_once_is_sent_again(store: Store, proxy: FaultProxy, fault: Fault) -> None:
    proxy.fault(replace(fault, of=_is_part))
    blocks = [bytes([i]) * BLOCK for i in range(LARGE)]

    store.put_stream("big", iter(blocks), LARGE * BLOCK)

    assert proxy.faulted == 1
    assert store.get("big") == b"".join(blocks)


def test_an_upload_that_is_cut_leaves_the_old_object_and_no_parts(store: Store, proxy: FaultProxy) -> None:
    store.put("big", b"old")
    proxy.fault(Fault(cut_after=100_000, of=_is_part))

    with pytest.raises(StoreUnavailable):
        store.put_stream("big", iter([b"x" * BLOCK] * LARGE), LARGE * BLOCK)

    assert store.get("big") == b"old"
    assert "DELETE" in [request.verb for request in proxy.seen], "the parts are given up, not left to cost money"


def test_what_hangs_is_given_up_and_tried_with_more_patience(
    s3_server: S3Server, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud_client, "PATIENCE", (1, 3, 9))
    store = open_store(s3_server.new_uri(), proxy.endpoint, None, s3_server.env)
    proxy.fault(Fault(hangs=1000, times=3))  # the client itself asks three times
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="the store did not answer in time"):
        store.put("key", b"x" * BLOCK)
    assert time.monotonic() - began < 6

    proxy.fault(Fault(delay=1.8, times=1))  # a slow link, to which a second is too little
    store.put("key", b"y")

    assert store.get("key") == b"y"


def test_a_damaged_body_is_refused(store: Store, proxy: FaultProxy) -> None:
    store.put("key", b"old")
    proxy.fault(Fault(damages=True, of=lambda request: request.verb == "PUT"))

    with pytest.raises(StoreUnavailable, match="was damaged on its way"):
        store.put("key", b"new")
    with pytest.raises(StoreUnavailable, match="was damaged on its way"):
        store.put_stream("key", iter([b"x" * BLOCK] * LARGE), LARGE * BLOCK)

    proxy.heal()
    assert store.get("key") == b"old"


def _is_part(request: Request) -> bool:
    return "partNumber" in request.path
