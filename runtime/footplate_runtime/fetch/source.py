"""The code of the job: from a ConfigMap, git or an archive into ``code/``, at the revision the whole run agreed on."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from footplate_runtime import contract
from footplate_runtime.fetch.download import Downloads
from footplate_runtime.fetch.errors import Refused, SourceUnavailable, Unreachable
from footplate_runtime.fetch.progress import Progress
from footplate_runtime.store import StoreError, without_password

Pin = Callable[[str], str]
ReadPin = Callable[[], str | None]


class Fetching(NamedTuple):
    """What getting the source needs: the tree's root, an empty folder for drafts, downloads, and the run's agreement.

    ``pinned`` gives the revision that the run has agreed on, or None; ``pin`` proposes one and returns the agreed one.
    """

    root: Path
    drafts: Path
    downloads: Downloads
    env: Mapping[str, str]
    pinned: ReadPin
    pin: Pin
    progress: Callable[[str], Progress]


def fetch_source(source: Mapping[str, Any] | None, fetching: Fetching) -> str | None:
    """Fill ``code/`` from a source of launch.json; returns its revision, None when the image holds the code.

    Raises ``SourceUnavailable``.
    """
    draft = fetching.drafts / contract.CODE
    draft.mkdir()
    try:
        match source:
            case None | {"image": _}:
                revision = None
            case {"configMap": {"name": name}}:
                revision = _from_config_map(name, draft, fetching)
            case {"git": git}:
                revision, draft = _from_git(git, fetching)
            case {"archive": archive}:
                revision = _from_archive(archive, draft, fetching)
            case _:
                raise Refused(f"The source {sorted(source)} is not known; use git, archive, configMap or image.")
    except (Refused, Unreachable, StoreError) as error:
        raise SourceUnavailable(str(error)) from error
    _put_in_place(draft, fetching.root)
    return revision


def _from_config_map(name: str, draft: Path, fetching: Fetching) -> str:
    """Copy the mounted ConfigMap. A mounted one is a farm of links into hidden folders, of which the copy has
    nothing."""
    mount = fetching.root / contract.SOURCE_MOUNT
    if not mount.is_dir():
        raise Refused(f"The ConfigMap {name} of the source is not mounted; does it exist in the job's namespace?")
    digest = hashlib.sha256()
    for entry in sorted(mount.iterdir()):
        if entry.name.startswith("..") or not entry.is_file():
            continue
        data = entry.read_bytes()
        (draft / entry.name).write_bytes(data)
        digest.update(f"{entry.name}\0{len(data)}\0".encode())
        digest.update(data)
    if not any(draft.iterdir()):
        raise Refused(f"The ConfigMap {name} of the source is empty; put the program's files into its data.")
    return _agreed(f"sha256:{digest.hexdigest()}", f"The ConfigMap {name}", fetching)


def _from_git(git: Mapping[str, Any], fetching: Fetching) -> tuple[str, Path]:
    from footplate_runtime.fetch.git import Repository, subfolder

    folder = fetching.drafts / "git"
    folder.mkdir()
    retry = fetching.downloads.retry
    repository = Repository(git["url"], folder, fetching.env)
    commit = fetching.pinned() or fetching.pin(retry(lambda: repository.resolve(git.get("revision"))))
    checkout = retry(lambda: repository.check_out(commit))
    code = subfolder(checkout, git.get("path"))
    shutil.rmtree(checkout / ".git")
    return commit, code


def _from_archive(archive: Mapping[str, Any], draft: Path, fetching: Fetching) -> str:
    from footplate_runtime.fetch.archive import unpack

    uri, name = archive["uri"], without_password(archive["uri"])
    progress = fetching.progress(f"source {name}")
    packed = fetching.drafts / "archive"
    downloaded = fetching.downloads.one(uri, packed, progress)
    progress.done()
    wanted = (archive.get("sha256") or downloaded.sha256).lower()
    if downloaded.sha256 != wanted:
        raise Refused(f"{name} has the sha256 {downloaded.sha256}, not {wanted} as source.archive.sha256 says.")
    revision = _agreed(f"sha256:{downloaded.sha256}", name, fetching)
    unpack(packed, draft, name)
    packed.unlink()
    return revision


def _agreed(revision: str, name: str, fetching: Fetching) -> str:
    """What has no history must still be what the run began with: all replicas and attempts run the same code."""
    agreed = fetching.pin(revision)
    if agreed != revision:
        raise Refused(f"{name} has changed since the run began (it was {agreed}); make a new job to run the new code.")
    return revision


def _put_in_place(code: Path, root: Path) -> None:
    """Make ``code`` the program's working directory, with links to the folders it writes to."""
    for name in (contract.OUTPUTS, contract.LOGS):
        link = code / name
        if link.is_symlink() or link.is_file():
            link.unlink()
        elif link.is_dir():
            shutil.rmtree(link)  # the source brought a folder of that name; outputs must land in the tree
        link.symlink_to(Path("..") / name)
    code.chmod(0o777)  # the program may run under another user and write where it stands
    target = root / contract.CODE
    if target.exists():
        shutil.rmtree(target)  # left by a fetch that was killed
    os.replace(code, target)
