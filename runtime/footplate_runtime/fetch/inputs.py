"""The inputs of the job: one file or a whole folder, from the web, a store or a file system, to ``inputs/<name>``."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from footplate_runtime.fetch.download import Downloads, local_path
from footplate_runtime.fetch.errors import InputUnavailable, Refused, Unreachable
from footplate_runtime.fetch.parallel import in_parallel
from footplate_runtime.fetch.progress import Progress
from footplate_runtime.orders import Input
from footplate_runtime.store import Entry, NotFound, Store, StoreError, split_uri, without_password


class Fetched(NamedTuple):
    """What an input turned out to be, for the record. ``etag`` of a folder is a digest of those of its files."""

    name: str
    uri: str
    files: int
    bytes: int
    etag: str | None


def fetch_input(wanted: Input, target: Path, downloads: Downloads, progress: Progress) -> Fetched:
    """Bring one input to ``target``, which becomes the file itself or a folder. Raises ``InputUnavailable``."""
    try:
        etag = _fetch(wanted.uri, target, downloads, progress)
    except (Refused, Unreachable, StoreError) as error:
        raise InputUnavailable(f"Input {wanted.name}: {error}") from error
    progress.done()
    return Fetched(wanted.name, without_password(wanted.uri), progress.files, progress.bytes, etag)


def _fetch(uri: str, target: Path, downloads: Downloads, progress: Progress) -> str | None:
    scheme = urlsplit(uri).scheme
    if scheme == "file":
        path = local_path(uri)
        if path.is_dir():
            return _copy_folder(path, target, progress)
    if scheme in ("http", "https", "file"):
        return downloads.one(uri, target, progress).etag
    return _from_store(uri, target, downloads, progress)


def _from_store(uri: str, target: Path, downloads: Downloads, progress: Progress) -> str | None:
    """An object if there is one of exactly that name, otherwise everything below it."""
    path = split_uri(uri)[2]
    retry = downloads.retry
    if path and not path.endswith("/"):
        parent, _, name = uri.rpartition("/")
        store = downloads.open_store(parent + "/")
        try:
            progress.total = retry(lambda: store.head(name)).size
        except NotFound:
            pass  # then it may be a folder
        else:
            return downloads.object(store, name, target, progress).etag
    store = downloads.open_store(uri if uri.endswith("/") else uri + "/")
    entries = [e for e in retry(lambda: list(store.list())) if e.key and not e.key.endswith("/")]
    if not entries:
        raise Refused(f"There is nothing at {uri}; correct the input's uri.")
    progress.total = sum(entry.size for entry in entries)
    _download_all(store, entries, target, downloads, progress)
    return _digest(f"{e.key}\0{e.size}\0{e.etag}" for e in entries)


def _download_all(store: Store, entries: list[Entry], target: Path, downloads: Downloads, progress: Progress) -> None:
    target.mkdir()

    def download(entry: Entry) -> None:
        path = target / entry.key
        path.parent.mkdir(parents=True, exist_ok=True)
        downloads.object(store, entry.key, path, progress)

    for entry in entries:
        if not Path(os.path.normpath(target / entry.key)).is_relative_to(target):
            raise Refused(f"{store.uri}{entry.key} would lie outside of the input's folder.")
    in_parallel(download, entries)


def _copy_folder(folder: Path, target: Path, progress: Progress) -> str:
    """Copy a folder with what its links lead to: the machine's own data are trusted, the kernel's files are not
    data."""
    stamps = []
    for path, relative in _files(folder, Path(), frozenset()):
        copy = target / relative
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, copy)
        except OSError as error:
            raise Refused(f"{path} cannot be read: {error.strerror}.") from error
        stat = path.stat()
        stamps.append(f"{relative}\0{stat.st_size}\0{stat.st_mtime_ns}")
        progress.add(stat.st_size)
        progress.add_file()
    if not stamps:
        raise Refused(f"The folder {folder} holds no files; correct the input's uri.")
    return _digest(sorted(stamps))


def _files(folder: Path, relative: Path, above: frozenset[Path]) -> Iterator[tuple[Path, Path]]:
    """All regular files below a folder; ``above`` are the real folders on the way, so that links make no loop."""
    real = local_path(folder.as_uri())
    if real in above:
        return
    for entry in sorted(real.iterdir()):
        if entry.is_dir():
            yield from _files(entry, relative / entry.name, above | {real})
        elif entry.is_file():
            yield local_path(entry.as_uri()), relative / entry.name


def _digest(lines: Iterator[str] | list[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return f"sha256:{digest.hexdigest()}"
