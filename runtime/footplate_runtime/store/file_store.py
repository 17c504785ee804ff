"""``file://``: objects as files. Written beside their place, flushed to disk, renamed into place, the folder
flushed."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from footplate_runtime.store.base import BLOCK, Entry, Receipt
from footplate_runtime.store.errors import AccessDenied, InvalidKey, NotFound, StoreError, StoreUnavailable
from footplate_runtime.store.keys import check_folder, check_key

_UNFINISHED = ".~footplate-"  # names of files that are being written; never listed
_LOCK = _UNFINISHED + "lock"


class FileStore:
    """Objects below one folder of a file system, which is made when something is written."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self.uri = Path(self._root).as_uri() + "/"

    def put(self, key: str, data: bytes) -> Receipt:
        return self.put_stream(key, (data,), len(data))

    def put_stream(self, key: str, blocks: Iterable[bytes], size: int) -> Receipt:
        path = self._path(key)
        with _told(key, self.uri):
            unfinished, receipt = _write_beside(path, blocks)
            try:
                os.replace(unfinished, path)
            except OSError:
                os.unlink(unfinished)
                raise
            _sync_folder(os.path.dirname(path))
            return Receipt(receipt.size, receipt.sha256, _etag(os.stat(path)))

    def put_if_absent(self, key: str, data: bytes) -> bool:
        path = self._path(key)
        with _told(key, self.uri):
            unfinished, _ = _write_beside(path, (data,))
            try:
                os.link(unfinished, path)  # fails when the name is taken, whole content or nothing otherwise
            except FileExistsError:
                return False
            finally:
                os.unlink(unfinished)
            _sync_folder(os.path.dirname(path))
            return True

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        path = self._path(key)
        with _told(key, self.uri):
            unfinished, _ = _write_beside(path, (data,))
            try:
                with _locked(os.path.dirname(path)):
                    if not _takes_over(unfinished, path, etag):
                        os.unlink(unfinished)
                        return False
                    os.replace(unfinished, path)
            except OSError:
                os.unlink(unfinished)
                raise
            _sync_folder(os.path.dirname(path))
            return True

    def get(self, key: str) -> bytes:
        return b"".join(self.read(key))

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        path = self._path(key)
        with _told(key, self.uri), open(path, "rb", buffering=0) as file:
            while end is None or start < end:
                block = os.pread(file.fileno(), BLOCK if end is None else min(BLOCK, end - start), start)
                if not block:
                    return
                start += len(block)
                yield block

    def list(self, folder: str = "") -> Iterator[Entry]:
        top = os.path.join(self._root, check_folder(folder))
        with _told(folder, self.uri):
            yield from self._below(top, folder)

    def _below(self, top: str, folder: str) -> Iterator[Entry]:
        try:
            entries = sorted(os.scandir(top), key=lambda e: e.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from self._below(entry.path, f"{folder}{entry.name}/")
            elif entry.is_file(follow_symlinks=False) and not entry.name.startswith(_UNFINISHED):
                try:
                    found = _entry(folder + entry.name, entry.stat(follow_symlinks=False))
                except FileNotFoundError:  # deleted since the folder was read
                    continue
                yield found

    def folders(self, folder: str = "") -> Iterator[str]:
        top = os.path.join(self._root, check_folder(folder))
        with _told(folder, self.uri):
            try:
                with os.scandir(top) as entries:
                    found = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
            except (FileNotFoundError, NotADirectoryError):
                return
        yield from found

    def head(self, key: str) -> Entry:
        path = self._path(key)
        with _told(key, self.uri):
            if os.path.isdir(path):
                raise NotFound(f"{self.uri}{key} is a folder, not an object.")
            return _entry(key, os.stat(path))

    def delete(self, key: str) -> None:
        path = self._path(key)
        with _told(key, self.uri):
            try:
                os.unlink(path)
            except (FileNotFoundError, NotADirectoryError):
                return
            _sync_folder(os.path.dirname(path))

    def _path(self, key: str) -> str:
        """Where the object lies; a link on the way that leads out of the root is refused."""
        check_key(key)
        if f"/{_UNFINISHED}" in f"/{key}":
            raise InvalidKey(f"{key!r} cannot be stored under {self.uri}: names starting with {_UNFINISHED} are taken.")
        path = os.path.join(self._root, key)
        folder = os.path.realpath(os.path.dirname(path))
        if os.path.commonpath([folder, self._root]) != self._root:
            raise InvalidKey(f"{key!r} leads out of {self.uri} through a symbolic link; remove the link.")
        return os.path.join(folder, os.path.basename(path))


def _write_beside(path: str, blocks: Iterable[bytes]) -> tuple[str, Receipt]:
    """Write blocks to a temporary file in the folder of ``path`` and flush it to disk."""
    folder = os.path.dirname(path)
    _make_folder(folder)
    unfinished = os.path.join(folder, _UNFINISHED + os.urandom(8).hex())
    digest, size = hashlib.sha256(), 0
    try:
        with open(unfinished, "xb", buffering=0) as file:
            for block in blocks:
                digest.update(block)
                view = memoryview(block)
                while view:
                    written = file.write(view)
                    size += written
                    view = view[written:]
            os.fsync(file.fileno())
    except BaseException:
        if os.path.lexists(unfinished):
            os.unlink(unfinished)
        raise
    return unfinished, Receipt(size, digest.hexdigest(), None)


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """One ``replace`` at a time in a folder, also from other machines (NFS locks files, not folders)."""
    fd = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _takes_over(unfinished: str, path: str, etag: str) -> bool:
    """Whether ``path`` still has this etag; if so ``unfinished`` is made later than it: no etag ever returns."""
    try:
        old = os.stat(path)
    except FileNotFoundError:
        return False
    if _etag(old) != etag:
        return False
    new = os.stat(unfinished)
    os.utime(unfinished, ns=(new.st_atime_ns, max(new.st_mtime_ns, old.st_mtime_ns + 1)))
    return True


def _make_folder(folder: str) -> None:
    """Make a folder and its parents durably: the entry of each new folder is flushed too."""
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        try:
            os.mkdir(path)
        except FileExistsError:
            if not os.path.isdir(path):
                raise NotADirectoryError(errno.ENOTDIR, "Not a directory", path) from None
        _sync_folder(os.path.dirname(path))


def _sync_folder(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot flush a folder
            raise
    finally:
        os.close(fd)


def _entry(key: str, stat: os.stat_result) -> Entry:
    return Entry(key, stat.st_size, _etag(stat), datetime.fromtimestamp(stat.st_mtime, UTC))


def _etag(stat: os.stat_result) -> str:
    return f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"


@contextmanager
def _told(key: str, uri: str) -> Iterator[None]:
    """Turn errors of the file system into those of the store."""
    try:
        yield
    except OSError as error:
        raise _store_error(error, f"{uri}{key}") from error


def _store_error(error: OSError, name: str) -> StoreError:
    reason = (error.strerror or str(error)).lower()
    match error.errno:
        case errno.ENOENT:
            return NotFound(f"There is no {name}.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return AccessDenied(f"{name} cannot be accessed ({reason}); give this user the right to write there.")
        case errno.EISDIR | errno.ENOTDIR | errno.EEXIST | errno.ENOTEMPTY:
            return InvalidKey(f"{name} cannot be stored: a file and a folder cannot have the same name under file://.")
        case errno.ENAMETOOLONG:
            return InvalidKey(f"{name} cannot be stored: the name is too long for this file system; use a shorter one.")
        case errno.ENOSPC | errno.EDQUOT:
            return StoreUnavailable(f"{name} cannot be written: the disk is full; free some space.")
        case _:
            return StoreUnavailable(f"{name} cannot be reached: {reason}.")
