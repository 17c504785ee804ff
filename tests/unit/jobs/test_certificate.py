from __future__ import annotations

import base64
import ssl
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from job_factory import at, make_job

from footplate.jobs.certificate import new_key, with_keys
from footplate.jobs.keys import keys_secret


def test_the_secret_is_filled(tmp_path: Path) -> None:
    key = new_key()
    secret = with_keys(keys_secret(make_job()), key, at(0))
    assert secret["metadata"] == keys_secret(make_job())["metadata"]
    files = {name: base64.b64decode(content) for name, content in secret["data"].items()}
    assert sorted(files) == ["tls.crt", "tls.key"]
    found = x509.load_pem_x509_certificate(files["tls.crt"])
    assert found.public_key() == key.public_key()
    assert isinstance(key.curve, ec.SECP256R1)
    found.verify_directly_issued_by(found)
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca, "it vouches for nobody else"
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")


def test_it_outlives_every_job_and_clocks_that_are_behind() -> None:
    secret = with_keys(keys_secret(make_job()), new_key(), at(0))
    found = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    assert found.not_valid_before_utc <= at(0) - timedelta(hours=23)
    assert found.not_valid_after_utc >= at(0) + timedelta(days=3649)


def test_each_job_has_its_own() -> None:
    one, other = (with_keys(keys_secret(make_job()), new_key(), at(0))["data"] for _ in range(2))
    assert one["tls.key"] != other["tls.key"]


def test_a_long_name_fits() -> None:
    assert with_keys(keys_secret(make_job("a" * 50)), new_key(), at(0))["data"]
