"""Makes a job's key and its self-signed certificate, which both sides of a connection present and trust alone."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SKEW = timedelta(days=1)  # a node's clock may be behind the operator's
VALID = timedelta(days=3650)  # longer than any job; nothing renews it
_NAME_LENGTH = 64  # RFC 5280: ub-common-name


def with_keys(secret: Mapping[str, Any], key: ec.EllipticCurvePrivateKey, now: datetime) -> dict[str, Any]:
    """The Secret with `tls.crt` and `tls.key`."""
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    data = {"tls.crt": certificate(secret["metadata"]["name"], key, now), "tls.key": private}
    return {**secret, "data": {name: base64.b64encode(content).decode() for name, content in data.items()}}


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def certificate(name: str, key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    """PEM. It signs nothing but itself (RFC 5280: basic constraints)."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_NAME_LENGTH])])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM)
