"""The certificate of the server. It speaks TLS because kubectl sends a bearer token over nothing else."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from footplate_local.kubeconfig import replace_text

_YEARS = 10


def server_context(certificate: Path) -> ssl.SSLContext:
    """The TLS context of a server whose key and certificate lie in one PEM file, made when missing."""
    if not certificate.exists():
        replace_text(certificate, _self_signed(datetime.datetime.now(datetime.UTC)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def public_part(certificate: Path) -> str:
    """The certificate without its key, which clients trust as their CA."""
    text = certificate.read_text()
    return text[text.index("-----BEGIN CERTIFICATE-----") :]


def _self_signed(now: datetime.datetime) -> str:
    # Needed once in the life of a cluster: the server of every other start does not load it.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "footplate-apiserver")])
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (secret + certificate.public_bytes(serialization.Encoding.PEM)).decode()
