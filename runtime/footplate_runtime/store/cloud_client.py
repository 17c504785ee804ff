"""The clients of one bucket: made from settings and credentials, made anew when credentials change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from footplate_runtime.store.cloud_errors import first_line
from footplate_runtime.store.credentials import Credentials
from footplate_runtime.store.errors import InvalidStore
from footplate_runtime.store.settings import StoreSettings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

# Seconds from the first byte of a request to the first of its answer: sending the body is within them. A connection
# that has died in silence and a slow link look the same, so what timed out is given more time when it is tried again.
PATIENCE = (60, 240, 900)
_LOOK_SECONDS = 10.0  # between looks at files with keys

# The library's default bounds a whole request, body included, by 30 s: too little for a part on a slow link.
_CLIENT: ClientConfig = {"timeout": f"{PATIENCE[-1]}s", "connect_timeout": "5s", "user_agent": "footplate"}
# Callers retry with their own patience; the library only bridges a hiccup.
_RETRY: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}


class Clients:
    """``get`` gives the client for a call; ``refused`` tells that its keys were. Used by many threads.

    ``read`` gives the credentials as they are now. Raises ``InvalidStore``, from the start on, when no client can be
    made.
    """

    def __init__(
        self,
        scheme: str,
        bucket: str,
        settings: StoreSettings,
        read: Callable[[], Credentials],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scheme, self._bucket, self._settings = scheme, bucket, settings
        self._read, self._monotonic = read, monotonic
        self._lock = threading.Lock()
        self._credentials = read()
        self._looked = monotonic()
        self._made: dict[int, ObjectStore] = {}
        self.get()

    def get(self, tries: int = 0) -> ObjectStore:
        """A client with the patience of a call that timed out so many times before."""
        with self._lock:
            self._look()
            patience = PATIENCE[min(tries, len(PATIENCE) - 1)]
            if patience not in self._made:
                self._made[patience] = self._make(patience)
            return self._made[patience]

    def refused(self) -> None:
        """The keys are not, or no longer, good: the next call looks for others."""
        with self._lock:
            self._looked = float("-inf")

    def _look(self) -> None:
        now = self._monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        current = self._read()
        if current != self._credentials:
            self._credentials = current
            self._made = {}

    def _make(self, patience: int) -> ObjectStore:
        variables, settings = self._credentials.variables, self._settings
        endpoint = settings.endpoint or _endpoint(self._scheme, variables)
        if endpoint and not endpoint.startswith(("http://", "https://")):  # the library would end the thread
            raise InvalidStore(f"The store's endpoint {endpoint} must begin with http:// or https://.")
        options: ClientConfig = {**_CLIENT, "read_timeout": f"{patience}s"}
        options["allow_http"] = bool(endpoint and endpoint.startswith("http://"))
        if certificates := (settings.ca_certificate or "") + self._credentials.certificates:
            options["root_certificate"] = certificates
        given: dict[str, Any] = {"client_options": options, "retry_config": _RETRY}
        try:
            match self._scheme:
                case "s3":
                    config = _s3(self._bucket, endpoint, settings, variables)
                    return S3Store(self._bucket, config=config, **given)  # type: ignore[arg-type]
                case "gs":
                    config = _known(variables) | ({"base_url": endpoint} if endpoint else {})
                    return GCSStore(self._bucket, config=config, **given)  # type: ignore[arg-type]
                case _:
                    config = _known(variables) | ({"endpoint": endpoint} if endpoint else {})
                    return AzureStore(self._bucket, config=config, **given)  # type: ignore[arg-type]
        except (BaseError, ValueError) as error:
            raise InvalidStore(
                f"The store {self._scheme}://{self._bucket}/ cannot be used: {first_line(error)}; "
                "check its settings and Secret."
            ) from error


def _endpoint(scheme: str, variables: Mapping[str, str]) -> str | None:
    """The one that came with the keys."""
    names = {
        "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        "gs": ("GOOGLE_BASE_URL",),
        "az": ("AZURE_STORAGE_ENDPOINT",),
    }
    return next((variables[name] for name in names[scheme] if name in variables), None)


def _known(variables: Mapping[str, str]) -> dict[str, Any]:
    """Without those that are said as settings."""
    settings = ("_ENDPOINT", "_ENDPOINT_URL", "_ENDPOINT_URL_S3", "_BASE_URL", "_REGION", "_STYLE_REQUEST")
    return {k: v for k, v in variables.items() if not k.endswith(settings)}


def _s3(bucket: str, endpoint: str | None, settings: StoreSettings, variables: Mapping[str, str]) -> dict[str, Any]:
    """Bodies go up with a checksum that the store compares: at AWS itself a CRC instead of a signed body, 40 % less
    work. Other servers do not all know that one, so there it is the SHA-256 that signing takes anyway."""
    virtual = variables.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() in ("1", "true")
    if settings.path_style is not None:
        virtual = not settings.path_style
    config = _known(variables) | {
        "region": settings.region or variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1",
        "virtual_hosted_style_request": virtual,
    }
    if endpoint:
        scheme, _, host = endpoint.rstrip("/").partition("://")
        config["endpoint"] = f"{scheme}://{bucket}.{host}" if virtual else endpoint
    if variables.get("AWS_CHECKSUM_ALGORITHM") == "none":  # for a server that stumbles over checksums
        del config["AWS_CHECKSUM_ALGORITHM"]
    elif "AWS_CHECKSUM_ALGORITHM" not in variables and "AWS_UNSIGNED_PAYLOAD" not in variables:
        at_aws = {"unsigned_payload": True, "checksum_algorithm": "CRC64NVME"}
        config |= {"checksum_algorithm": "SHA256"} if endpoint else at_aws
    return config
