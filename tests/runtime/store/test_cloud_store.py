"""Where a cloud store is, what it trusts, and whose keys it takes: its settings, and what comes with the keys."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fault_proxy import fault_proxy
from gcs_server import GcsServer
from own_certificate import own_certificate
from s3_server import DOMAIN, S3Server
from token_service import token_service

from footplate_runtime.store import AccessDenied, InvalidStore, cloud_client, open_store


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


@pytest.mark.parametrize("by", ["setting", "variable"])
def test_the_bucket_may_be_a_part_of_the_host(s3_server: S3Server, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a forward proxy, for no name of a test's has an address."""
    with fault_proxy(s3_server.endpoint) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.endpoint)
        env = {**s3_server.env, **({"AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true"} if by == "variable" else {})}
        uri = s3_server.new_uri()
        store = open_store(uri, f"http://{DOMAIN}", env=env, path_style=False if by == "setting" else None)
        store.put("key", b"hello")
        assert {request.host for request in proxy.seen} == {f"{s3_server.bucket}.{DOMAIN}"}

    monkeypatch.delenv("HTTP_PROXY")
    assert open_store(uri, s3_server.endpoint, env=s3_server.env).get("key") == b"hello"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return own_certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("given", ["setting", "mounted", "variable", None])
def test_a_ca_of_ones_own(
    s3_server: S3Server, certificate: tuple[Path, Path], tmp_path: Path, given: str | None
) -> None:
    pem, env, setting = certificate[0].read_text(), dict(s3_server.env), None
    match given:
        case "setting":
            setting = pem
        case "mounted":
            (tmp_path / "ca.crt").write_text(pem)
            env["FOOTPLATE_STORE_KEYS"] = str(tmp_path)
        case "variable":
            env["AWS_CA_BUNDLE"] = str(certificate[0])
    with fault_proxy(s3_server.endpoint, certificate) as proxy:
        store = open_store(s3_server.new_uri(), proxy.endpoint, env=env, ca_certificate=setting)
        if given:
            store.put("key", b"hello")
            assert store.get("key") == b"hello"
        else:
            with pytest.raises(InvalidStore, match=r"is not trusted \(.+\); give its CA as store.caCertificate"):
                store.put("key", b"hello")


def test_a_ca_that_is_none(s3_server: S3Server) -> None:
    with pytest.raises(InvalidStore, match="cannot be used"):
        open_store(
            s3_server.new_uri(), "https://127.0.0.1", env=s3_server.env, ca_certificate="-----BEGIN CERTIFICATE-----\nx"
        )


# Keys that change while the store is open. Files are looked at every ten seconds, and at once after a refusal.


def test_keys_in_files_that_change(s3_server: S3Server, tmp_path: Path) -> None:
    (tmp_path / "AWS_ACCESS_KEY_ID").write_text(s3_server.access_key)
    (tmp_path / "AWS_SECRET_ACCESS_KEY").write_text("old")
    env = {**s3_server.env, "AWS_SECRET_ACCESS_KEY": "oldest", "FOOTPLATE_STORE_KEYS": str(tmp_path)}
    store = open_store(s3_server.new_uri(), s3_server.endpoint, env=env)
    with pytest.raises(AccessDenied):
        store.put("key", b"x")

    (tmp_path / "AWS_SECRET_ACCESS_KEY").write_text(s3_server.secret_key + "\n")

    store.put("key", b"x")


def test_a_profile_that_changes(s3_server: S3Server, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    keys = f"aws_access_key_id = {s3_server.access_key}\naws_secret_access_key ="
    file.write_text(f"[default]\n{keys} other\n[team]\n{keys} old%\n")
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_PROFILE": "team"}
    store = open_store(s3_server.new_uri(), s3_server.endpoint, env=env)
    with pytest.raises(AccessDenied):
        store.put("key", b"x")

    file.write_text(f"[default]\n{keys} other\n[team]\n{keys} {s3_server.secret_key}\n")

    store.put("key", b"x")


@pytest.mark.parametrize("by", ["mounted", "file"])
def test_a_key_of_google_that_changes(gcs_server: GcsServer, tmp_path: Path, by: str) -> None:
    file = tmp_path / "GOOGLE_SERVICE_ACCOUNT_KEY"
    file.write_text(gcs_server.key)
    env = {"FOOTPLATE_STORE_KEYS": str(tmp_path)} if by == "mounted" else {"GOOGLE_SERVICE_ACCOUNT": str(file)}
    store = open_store(gcs_server.new_uri(), gcs_server.endpoint, env=env)
    store.put("key", b"x")
    gcs_server.renew()
    with pytest.raises(AccessDenied, match="refused access"):
        store.put("key", b"y")

    file.write_text(gcs_server.key)

    store.put("key", b"y")


def test_new_keys_are_taken_before_the_old_ones_end(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud_client, "_LOOK_SECONDS", 0.0)
    (tmp_path / "AWS_ACCESS_KEY_ID").write_text(s3_server.access_key)
    (tmp_path / "AWS_SECRET_ACCESS_KEY").write_text(s3_server.secret_key)
    store = open_store(s3_server.new_uri(), s3_server.endpoint, env={"FOOTPLATE_STORE_KEYS": str(tmp_path)})
    store.put("key", b"x")

    (tmp_path / "AWS_SECRET_ACCESS_KEY").write_text("from now on")

    with pytest.raises(AccessDenied):
        store.put("key", b"x")


def test_the_token_of_a_workload_is_read_each_time_that_keys_end(
    s3_server: S3Server, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    """What the library does by itself (IRSA): a token from a file is exchanged for keys that hold for a while."""
    token = tmp_path / "token"
    token.write_text("first")
    with token_service(s3_server.access_key, s3_server.secret_key, 2.0, certificate) as sts:
        env = {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/runs",
            "AWS_ENDPOINT_URL_STS": sts.endpoint,
            "AWS_CA_BUNDLE": str(certificate[0]),
        }
        store = open_store(s3_server.new_uri(), s3_server.endpoint, env=env)
        store.put("key", b"x")
        token.write_text("second")
        time.sleep(0.2)  # the library asks no more often than every tenth of a second
        store.put("key", b"y")

        assert sts.tokens[0] == "first"
        assert sts.tokens[-1] == "second"
