"""Single uploads with proof: what went up is what the file held, or ``Torn`` is raised and nothing is recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from footplate_runtime.agent.journal import Growth, Uploaded
from footplate_runtime.agent.scan import open_beneath
from footplate_runtime.agent.segments import Step
from footplate_runtime.files import Stamp
from footplate_runtime.store import Segment, Store
from footplate_runtime.store.base import file_blocks


class Torn(Exception):
    """The file changed while it was read."""


class Item(NamedTuple):
    """A file that shall be an object: path relative to the root, key relative to the run, stamp when scanned."""

    path: bytes
    key: str
    stamp: Stamp


def upload_whole(store: Store, root: bytes, item: Item) -> Uploaded:
    """Upload one file as one object.

    Its size is pinned when it is opened; after the last byte was read it must still have the same size and
    modification time. Raises ``Torn``, ``FileNotFoundError`` when it is gone, and any ``StoreError``.
    """
    fd = open_beneath(root, item.path)
    try:
        stamp = Stamp.of(os.fstat(fd))
        receipt = store.put_stream(item.key, _all_of(fd, 0, stamp.size, stamp), stamp.size)
    finally:
        os.close(fd)
    return Uploaded(stamp, receipt.sha256)


def take_step(store: Store, root: bytes, path: bytes, key: str, step: Step) -> Growth:
    """Carry out one step of a growing file; returns its new state. Raises like ``upload_whole``."""
    if step.put is not None:
        fd = open_beneath(root, path)
        try:
            stamp = Stamp.of(os.fstat(fd))
            if stamp.inode != step.after.inode:
                raise Torn(f"{os.fsdecode(path)} was replaced.")
            start, end = step.put.start, step.put.end
            store.put_stream(Segment(start, end).key(key), _all_of(fd, start, end, None), end - start)
        finally:
            os.close(fd)
    for part in step.drop:
        store.delete(Segment(part.start, part.end).key(key))
    return step.after


def _all_of(fd: int, start: int, end: int, stamp: Stamp | None) -> Iterator[bytes]:
    """The bytes [start, end) of a file, or ``Torn`` in the place of their end.

    An exception instead of the last block keeps the store from making the object, so a torn read replaces nothing.
    """
    held = b""
    got = start
    for block in file_blocks(fd, start, end):
        got += len(block)
        if held:
            yield held
        held = block
    now = Stamp.of(os.fstat(fd))
    if got != end or (stamp is not None and (now.size, now.mtime_ns) != (stamp.size, stamp.mtime_ns)):
        raise Torn("The file changed while it was read.")
    if held:
        yield held
