"""The interface that all backends have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

BLOCK = 1 << 20  # bytes read and yielded at once; more than a part would defeat the back-pressure of uploads
MAX_PARTS = 10_000  # Amazon S3: Multipart upload limits; Google has the same
MAX_STREAM_BYTES = MAX_PARTS * (40 << 20)  # beyond, two parts would not fit into the agent's memory
SINGLE_PUT_BYTES = 16 << 20  # up to here a stream goes up as one request from memory; beyond, in parts


class Receipt(NamedTuple):
    """What the store acknowledged: bytes, hex sha256 of them, and the object's etag where the store has one."""

    size: int
    sha256: str
    etag: str | None


class Entry(NamedTuple):
    """One object as listed: ``key`` relative to the store, ``size`` in bytes."""

    key: str
    size: int
    etag: str | None
    modified: datetime


class Store(Protocol):
    """Objects below one address. Every method may raise any ``StoreError``."""

    @property
    def uri(self) -> str:
        """The address all keys are relative to, ending in ``/``."""
        ...

    def put(self, key: str, data: bytes) -> Receipt:
        """Write the whole object at once, over an older one; readers see the old or the new one."""
        ...

    def put_stream(self, key: str, blocks: Iterable[bytes], size: int) -> Receipt:
        """Write an object from blocks with bounded memory, as ``file_blocks`` gives them.

        ``size`` is the expected number of bytes and only sizes the parts. An exception of ``blocks`` leaves the
        old object.
        """
        ...

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write the object unless there is one; True if this call wrote it.

        After an answer that was lost the client asks again and may hear False of what it wrote itself: who must know
        reads what is there. The same holds for ``replace``.
        """
        ...

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        """Write the object over the version with this etag, as ``head`` gives it; False if that one is there no more.

        Of many that replace the same version one wins. To change what one has read: ``head``, then ``get``, then
        ``replace`` with the etag of the former.
        """
        ...

    def get(self, key: str) -> bytes:
        """The whole object; for small ones."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Blocks of the bytes [start, end) of the object, nothing if ``start`` lies at or behind its end."""
        ...

    def list(self, folder: str = "") -> Iterator[Entry]:
        """All objects below a folder ("" or ending in ``/``), in no promised order; none if there is no such folder."""
        ...

    def folders(self, folder: str = "") -> Iterator[str]:
        """Names of the folders right below a folder, sorted, at the cost of listing these alone.

        Under ``file://`` one whose objects were all deleted is still there.
        """
        ...

    def head(self, key: str) -> Entry:
        """Size and etag of one object."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""
        ...


def file_blocks(fd: int, start: int, end: int) -> Iterator[bytes]:
    """The bytes [start, end) of an open file for ``put_stream``, fewer if the file ends before.

    What goes up as one request is read as one block: joining would hold it twice.
    """
    step = end - start if end - start <= SINGLE_PUT_BYTES else BLOCK
    while start < end:
        block = os.pread(fd, min(step, end - start), start)
        if not block:
            return
        start += len(block)
        yield block


def buffer_size(size: int) -> int:
    """Bytes of memory that ``put_stream`` of ``size`` bytes may hold: the agent's budget counts with it."""
    if size <= SINGLE_PUT_BYTES:
        return size
    part, parallel = part_plan(size)
    return min(size, (parallel + 1) * part)


def part_plan(size: int) -> tuple[int, int]:
    """Bytes of a part, and how many go up at once, for an upload of ``size`` bytes.

    8 MiB by 4 is near the network's limit; larger parts pay with fewer at once.
    """
    part = max(8 << 20, -(-size // MAX_PARTS))
    return part, max(1, min(4, (48 << 20) // part - 1))
