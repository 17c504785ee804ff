"""One file from ``http(s)://``, ``file://`` or a store, streamed to disk, going on where a connection broke."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from footplate_runtime.fetch.errors import Refused, Unreachable
from footplate_runtime.fetch.progress import Progress
from footplate_runtime.orders import Orders
from footplate_runtime.retry import Retry
from footplate_runtime.store import Store, split_uri, without_password
from footplate_runtime.store.base import BLOCK

OpenStore = Callable[[str], Store]
_READ_TIMEOUT = 60.0
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}  # RFC 9110: states of a server, not of what was asked for


class Downloaded(NamedTuple):
    """A file on disk: bytes, hex sha256, and the etag of where it came from."""

    size: int
    sha256: str
    etag: str | None


class Downloads(NamedTuple):
    """How files are got: which stores, how to try again."""

    orders: Orders
    env: Mapping[str, str]
    retry: Retry

    def open_store(self, uri: str) -> Store:
        """A store with the credentials of this pod. Raises ``InvalidStore``."""
        return self.orders.open_store(self.env, uri)

    def one(self, uri: str, target: Path, progress: Progress) -> Downloaded:
        """Bring the one file that ``uri`` names to ``target``. Raises ``Refused``, ``Unreachable`` or
        ``StoreError``."""
        scheme = urlsplit(uri).scheme
        if scheme in ("http", "https"):
            return self._resumed(_Http(uri), target, progress)
        if scheme == "file":
            return self._resumed(_Local(local_path(uri)), target, progress)
        _, _, path = split_uri(uri)
        folder, _, name = uri.rpartition("/")
        if not path or not name:
            raise Refused(f"{uri} names no file; give the uri of one object.")
        return self.object(self.open_store(folder + "/"), name, target, progress)

    def object(self, store: Store, key: str, target: Path, progress: Progress) -> Downloaded:
        """Bring one object of a store to ``target``."""
        return self._resumed(_Object(store, key), target, progress)

    def _resumed(self, remote: _Http | _Local | _Object, target: Path, progress: Progress) -> Downloaded:
        """Read on from where the file on disk ends, as long as each try brings something."""
        unfinished = target.with_name(target.name + ".part")
        digest, got = hashlib.sha256(), 0
        with open(unfinished, "wb") as file:

            def attempt() -> None:
                nonlocal digest, got
                start, blocks = remote.read(got)
                if start != got:  # the server cannot go on in the middle, or has another file now
                    progress.add(start - got)
                    file.seek(start)
                    file.truncate()
                    digest, got = hashlib.sha256(), start
                for block in blocks:
                    file.write(block)
                    digest.update(block)
                    got += len(block)
                    progress.add(len(block))

            self.retry(attempt, lambda: got)
        unfinished.replace(target)
        progress.add_file()
        return Downloaded(got, digest.hexdigest(), remote.etag)


class _Object:
    def __init__(self, store: Store, key: str) -> None:
        self._store, self._key = store, key
        self.etag: str | None = None

    def read(self, start: int) -> tuple[int, Iterator[bytes]]:
        entry = self._store.head(self._key)
        if self.etag is not None and entry.etag != self.etag:
            start = 0  # overwritten since the first try
        self.etag = entry.etag
        return start, self._store.read(self._key, start)


class _Local:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.etag = None

    def read(self, start: int) -> tuple[int, Iterator[bytes]]:
        return start, self._blocks(start)

    def _blocks(self, start: int) -> Iterator[bytes]:
        try:
            with open(self._path, "rb") as file:
                file.seek(start)
                while block := file.read(BLOCK):
                    yield block
        except OSError as error:
            raise Refused(f"{self._path} cannot be read: {error.strerror}.") from error


class _Http:
    """A file on a web server. RFC 9110: Range with If-Range, so that a changed file starts again."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._name = without_password(uri)
        self.etag: str | None = None

    def read(self, start: int) -> tuple[int, Iterator[bytes]]:
        from http.client import HTTPException
        from urllib.error import HTTPError, URLError
        from urllib.request import Request, urlopen

        headers = {"User-Agent": "footplate", "Accept-Encoding": "identity"}
        strong = self.etag if self.etag and not self.etag.startswith("W/") else None
        if start and strong:
            headers |= {"Range": f"bytes={start}-", "If-Range": strong}
        try:
            response = urlopen(Request(self._uri, headers=headers), timeout=_READ_TIMEOUT)
        except HTTPError as error:
            sentence = f"{self._name} answered {error.code} {error.reason}."
            raise (Unreachable if error.code in _TRY_AGAIN else Refused)(sentence) from error
        except (URLError, OSError, HTTPException) as error:
            raise Unreachable(f"{self._name} cannot be reached: {getattr(error, 'reason', error)}.") from error
        except ValueError as error:
            raise Refused(f"{self._name} is not the address of a file: {error}.") from error
        self.etag = response.headers.get("ETag")
        begin = start if response.status == 206 else 0
        length = response.headers.get("Content-Length")
        return begin, self._blocks(response, int(length) if length and length.isdigit() else None)

    def _blocks(self, response: object, length: int | None) -> Iterator[bytes]:
        from http.client import HTTPException, HTTPResponse

        assert isinstance(response, HTTPResponse)
        got = 0
        with response:
            try:
                while block := response.read1(BLOCK):
                    got += len(block)
                    yield block
            except (OSError, HTTPException) as error:
                raise Unreachable(f"{self._name} broke off after {got} bytes: {error}.") from error
        if length is not None and got < length:
            raise Unreachable(f"{self._name} broke off after {got} of {length} bytes.")


def local_path(uri: str) -> Path:
    """The path of a ``file://`` uri; not one of the kernel's own file systems, which show the secrets of this
    process."""
    path = Path(split_uri(uri)[2])
    real = Path(os.path.realpath(path))
    if any(real.is_relative_to(kernels) for kernels in ("/proc", "/sys", "/dev")):
        raise Refused(f"{uri} is not a file of data; give the path of a file or folder on a disk.")
    return real
