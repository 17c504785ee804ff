"""Where the keys of a store come from: the environment, the files of a mounted Secret, a profile of AWS.

What the client library does by itself is left to it: it asks for temporary keys with the token of a workload's identity
(IRSA, EKS Pod Identity, GKE, Azure Workload Identity) or of the machine (IMDS), and asks again before they expire. What
it reads once is read anew here: files change while a job runs for weeks.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from footplate_runtime import contract

CA_FILE = "ca.crt"  # in the folder of keys: certificates to trust, PEM

# All that the client library knows by these names, and the endpoint and region that may come with the keys.
NAMES = {
    "s3": """
        AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION
        AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_VIRTUAL_HOSTED_STYLE_REQUEST
        AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN AWS_ROLE_SESSION_NAME AWS_ENDPOINT_URL_STS
        AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
        AWS_SKIP_SIGNATURE AWS_CHECKSUM_ALGORITHM AWS_UNSIGNED_PAYLOAD AWS_REQUEST_PAYER
        AWS_SERVER_SIDE_ENCRYPTION AWS_SSE_KMS_KEY_ID AWS_SSE_BUCKET_KEY_ENABLED
    """,
    "gs": """
        GOOGLE_SERVICE_ACCOUNT GOOGLE_SERVICE_ACCOUNT_KEY GOOGLE_APPLICATION_CREDENTIALS
        GOOGLE_BEARER_TOKEN GOOGLE_SKIP_SIGNATURE GOOGLE_BASE_URL
    """,
    "az": """
        AZURE_STORAGE_ACCOUNT_NAME AZURE_STORAGE_ACCOUNT_KEY AZURE_STORAGE_SAS_KEY AZURE_STORAGE_ENDPOINT
        AZURE_STORAGE_CLIENT_ID AZURE_CLIENT_ID AZURE_STORAGE_CLIENT_SECRET AZURE_CLIENT_SECRET
        AZURE_STORAGE_TENANT_ID AZURE_TENANT_ID AZURE_AUTHORITY_HOST AZURE_FEDERATED_TOKEN_FILE
    """,
}
_FILES = ("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_APPLICATION_CREDENTIALS")  # of key files that the library reads once
_OTHER_S3_KEYS = (  # with one of them a profile is not asked
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)
_PROFILE = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
}


class Credentials(NamedTuple):
    """What the client is made from: variables by name, PEM certificates to trust besides the system's, and the contents
    of key files, which the client reads itself. Two that are equal make equal clients."""

    variables: Mapping[str, str]
    certificates: str
    key_files: tuple[bytes, ...]


def read_credentials(scheme: str, env: Mapping[str, str]) -> Credentials:
    """What holds now. A variable that is also a file of the folder ``FOOTPLATE_STORE_KEYS`` is read from there."""
    names = NAMES[scheme].split()
    found = {name: env[name] for name in names if env.get(name)}
    certificates = _text(env.get("AWS_CA_BUNDLE") or env.get("SSL_CERT_FILE"))
    if folder := env.get(contract.ENV_STORE_KEYS):
        mounted = {name: text for name in names if (text := _text(os.path.join(folder, name)).strip())}
        found |= mounted
        certificates += _text(os.path.join(folder, CA_FILE))
    if scheme == "s3" and not any(name in found for name in _OTHER_S3_KEYS):
        found |= _profile(env)
    return Credentials(found, certificates, tuple(_bytes(found[name]) for name in _FILES if name in found))


def _profile(env: Mapping[str, str]) -> dict[str, str]:
    """Keys of ``AWS_PROFILE`` in the shared credentials file (AWS SDKs and Tools Reference Guide); none without it."""
    file = env.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.join(env.get("HOME", "/"), ".aws", "credentials")
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(_text(file))
        section = dict(parser.items(env.get("AWS_PROFILE") or "default"))
    except configparser.Error:
        return {}
    return {variable: section[name] for name, variable in _PROFILE.items() if section.get(name)}


def _text(path: str | None) -> str:
    return _bytes(path).decode("utf-8", "replace") if path else ""


def _bytes(path: str) -> bytes:
    """Nothing where there is no such file: who then has no keys is told so by the store."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
