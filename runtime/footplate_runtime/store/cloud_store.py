"""``s3://``, ``gs://`` and ``az://`` through obstore; measured against other libraries in size, speed and memory.

Small objects go up as one request from memory, larger ones in parts that are read as they are sent. Data objects have
a single writer, so they are overwritten plainly; a conditional write goes up from memory and is for small objects
alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PreconditionError

from footplate_runtime.store.base import BLOCK, MAX_STREAM_BYTES, SINGLE_PUT_BYTES, Entry, Receipt, part_plan
from footplate_runtime.store.cloud_client import Clients
from footplate_runtime.store.cloud_errors import first_line, store_error, timed_out
from footplate_runtime.store.credentials import read_credentials
from footplate_runtime.store.errors import AccessDenied, InvalidKey
from footplate_runtime.store.keys import check_folder, check_key
from footplate_runtime.store.settings import StoreSettings

if TYPE_CHECKING:
    from obstore import ObjectMeta, UpdateVersion
    from obstore.store import ObjectStore

_READ_CHUNK = 4 << 20


class CloudStore:
    """Objects below a prefix of a bucket."""

    def __init__(self, clients: Clients, uri: str, prefix: str, by_generation: bool) -> None:
        self._clients = clients
        self._prefix = prefix
        self._by_generation = by_generation
        self._timeouts: dict[str, int] = {}  # of uploads that have not succeeded since, how often in a row
        self.uri = uri

    @classmethod
    def connect(
        cls, scheme: str, bucket: str, prefix: str, settings: StoreSettings, env: Mapping[str, str]
    ) -> CloudStore:
        """The store in a cloud (``s3``, ``gs``, ``az``); contacts nothing. Raises ``InvalidStore``."""
        clients = Clients(scheme, bucket, settings, lambda: read_credentials(scheme, env))
        return cls(clients, f"{scheme}://{bucket}/{prefix}", prefix, by_generation=scheme == "gs")

    def put(self, key: str, data: bytes) -> Receipt:
        with self._uploading(key) as client:
            result = obstore.put(client, self._name(key), data, use_multipart=False)
        return Receipt(len(data), hashlib.sha256(data).hexdigest(), result["e_tag"])

    def put_stream(self, key: str, blocks: Iterable[bytes], size: int) -> Receipt:
        if size <= SINGLE_PUT_BYTES:
            return self.put(key, b"".join(blocks))
        if size > MAX_STREAM_BYTES:
            most = MAX_STREAM_BYTES >> 30
            raise InvalidKey(f"{self.uri}{key} cannot be stored: it is larger than {most} GiB; split the file.")
        part, parallel = part_plan(size)
        counted = _Counted(blocks)
        with self._uploading(key) as client:
            try:
                result = obstore.put(client, self._name(key), iter(counted), chunk_size=part, max_concurrency=parallel)
            except BaseError:
                if counted.error is not None:  # the library wraps what the reader raised
                    raise counted.error from None
                raise
        return Receipt(counted.size, counted.digest.hexdigest(), result["e_tag"])

    def put_if_absent(self, key: str, data: bytes) -> bool:
        with self._uploading(key) as client:
            try:
                obstore.put(client, self._name(key), data, mode="create")
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        with self._uploading(key) as client:
            try:
                version: UpdateVersion = {"e_tag": etag}
                if self._by_generation:  # Google compares numbers of its own: that of the version with this etag
                    found = obstore.head(client, self._name(key))
                    if found["e_tag"] != etag:
                        return False
                    version["version"] = found["version"]
                obstore.put(client, self._name(key), data, mode=version)
            except (PreconditionError, NotFoundError, FileNotFoundError) as error:
                if "NoSuchBucket" in str(error):
                    raise
                return False
        return True

    def get(self, key: str) -> bytes:
        return b"".join(self.read(key))

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        size = self.head(key).size if start or end is not None else None
        if size is not None:  # a range behind the end is an error of the protocol
            end = size if end is None else min(end, size)
            if start >= end:
                return
        with self._told(key) as client:
            result = obstore.get(client, self._name(key), options={"range": (start, end)} if end else None)
            for chunk in result.stream(min_chunk_size=_READ_CHUNK):
                yield bytes(chunk)

    def list(self, folder: str = "") -> Iterator[Entry]:
        below = self._prefix + check_folder(folder)
        with self._told(folder) as client:
            for chunk in obstore.list(client, below or None, chunk_size=1000):
                for meta in chunk:
                    yield self._entry(meta)

    def folders(self, folder: str = "") -> Iterator[str]:
        below = self._prefix + check_folder(folder)
        with self._told(folder) as client:
            found = obstore.list_with_delimiter(client, below or None)["common_prefixes"]
        yield from sorted(prefix[len(below) :].rstrip("/") for prefix in found)

    def head(self, key: str) -> Entry:
        with self._told(key) as client:
            return self._entry(obstore.head(client, self._name(key)))

    def delete(self, key: str) -> None:
        with self._told(key) as client:
            try:
                obstore.delete(client, self._name(key))
            except (NotFoundError, FileNotFoundError):
                return

    def _name(self, key: str) -> str:
        return check_key(self._prefix + check_key(key))

    def _entry(self, meta: ObjectMeta) -> Entry:
        return Entry(meta["path"][len(self._prefix) :], meta["size"], meta["e_tag"], meta["last_modified"])

    @contextmanager
    def _uploading(self, key: str) -> Iterator[ObjectStore]:
        """A client that is the more patient the more often the upload has timed out."""
        with self._told(key, self._timeouts.get(key, 0)) as client:
            try:
                yield client
            except BaseError as error:
                if timed_out(error):
                    self._timeouts[key] = self._timeouts.get(key, 0) + 1
                raise
        self._timeouts.pop(key, None)

    @contextmanager
    def _told(self, key: str, timeouts: int = 0) -> Iterator[ObjectStore]:
        """A client; its errors are turned into those of the store."""
        try:
            yield self._clients.get(timeouts)
        except (BaseError, FileNotFoundError) as error:  # the library raises the built-in one for most calls
            told = store_error(error, self.uri + key)
            if isinstance(told, AccessDenied):
                self._clients.refused()
            raise told from error
        except ValueError as error:
            raise InvalidKey(f"{self.uri}{key} cannot be stored: {first_line(error)}.") from error


class _Counted:
    """Blocks that are counted, hashed and checked for errors while the client takes them."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self.size = 0
        self.digest = hashlib.sha256()
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            for block in self._blocks:
                assert len(block) <= BLOCK, "a block larger than a part defeats the back-pressure of uploads"
                self.size += len(block)
                self.digest.update(block)
                yield block
        except Exception as error:
            self.error = error
            raise
