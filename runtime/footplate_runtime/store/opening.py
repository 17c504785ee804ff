"""From an address and an environment to a store."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from footplate_runtime.store.errors import InvalidStore
from footplate_runtime.store.keys import check_folder
from footplate_runtime.store.settings import StoreSettings

if TYPE_CHECKING:
    from footplate_runtime.store.base import Store

CLOUD_SCHEMES = ("s3", "gs", "az")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


def open_store(
    uri: str,
    endpoint: str | None = None,
    region: str | None = None,
    env: Mapping[str, str] = os.environ,
    path_style: bool | None = None,
    ca_certificate: str | None = None,
) -> Store:
    """The store whose keys are relative to ``uri``: ``file:///folder``, ``s3://bucket/prefix``, ``gs://…`` or ``az://…``.

    For ``endpoint``, ``region``, ``path_style`` and ``ca_certificate`` see ``StoreSettings``. Credentials come from
    ``env`` under the names the clouds gave them (``AWS_ACCESS_KEY_ID``, ``GOOGLE_APPLICATION_CREDENTIALS``,
    ``AZURE_STORAGE_ACCOUNT_NAME``, …), from files that it names, or from the workload's identity. Nothing is
    contacted yet.

    Raises ``InvalidStore`` when the address or the settings make no sense.
    """
    scheme, bucket, path = split_uri(uri)
    if scheme == "file":
        from footplate_runtime.store.file_store import FileStore

        return FileStore(Path(path))
    from footplate_runtime.store.cloud_store import CloudStore  # loads the client library: not for file://

    prefix = check_folder(path if path.endswith("/") or not path else path + "/")
    settings = StoreSettings(endpoint, region, path_style, ca_certificate)
    return CloudStore.connect(scheme, bucket, prefix, settings, env)


def split_uri(uri: str) -> tuple[str, str, str]:
    """Scheme, bucket and path of the address of a store or an object; for ``file://`` no bucket and an absolute path.

    Raises ``InvalidStore``.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file":
        path = unquote(parts.path)
        if parts.netloc not in ("", "localhost") or not path.startswith("/") or "\x00" in path:
            raise InvalidStore(f"{uri!r} is not the address of a folder; write file:///absolute/path.")
        return "file", "", path
    if parts.scheme not in CLOUD_SCHEMES:
        raise InvalidStore(
            f"{without_password(uri)!r} has no scheme that is known; use s3://, gs://, az:// or file://."
        )
    if not _BUCKET.fullmatch(parts.netloc):
        raise InvalidStore(f"{without_password(uri)!r} names no bucket; write {parts.scheme}://bucket/prefix.")
    # Keys may hold '?' and '#', which mean nothing in these addresses.
    return parts.scheme, parts.netloc, uri.split("://", 1)[1][len(parts.netloc) :].lstrip("/")


def without_password(uri: str) -> str:
    """The uri as it may stand in a log: without user, password and query."""
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], unquote(parts.path), "", ""))
