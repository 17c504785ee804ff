"""All that fetch does, in its order: the tree, the launcher, the code, the inputs, the outputs of earlier attempts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from footplate_runtime import contract
from footplate_runtime.fetch.build_log import copy_build_log
from footplate_runtime.fetch.download import Downloads
from footplate_runtime.fetch.inputs import fetch_input
from footplate_runtime.fetch.pin import RunRevision
from footplate_runtime.fetch.progress import Progress
from footplate_runtime.fetch.report import success
from footplate_runtime.fetch.resume import Resumed, resume
from footplate_runtime.fetch.source import Fetching, fetch_source
from footplate_runtime.files import compact_json, write_atomically
from footplate_runtime.launcher_archive import write_launcher
from footplate_runtime.orders import Orders, Place
from footplate_runtime.replica_file import write_replica_file
from footplate_runtime.restored import write_restored
from footplate_runtime.retry import Retry

_FOLDERS = (contract.INPUTS, contract.OUTPUTS, contract.LOGS, str(Path(contract.METRICS).parent), contract.STATE)


def fetch(place: Place, orders: Orders, env: Mapping[str, str], retry: Retry) -> dict[str, Any]:
    """Make the tree of ``place`` ready for the program; returns the report, which is also left in
    ``state/fetch.json``.

    May run again after it was killed. Raises ``FetchError``.
    """
    root = place.root
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder).chmod(0o777)  # the program may run under another user than fetch and the agent
    write_replica_file(place)
    write_launcher(root / contract.LAUNCHER)
    downloads = Downloads(orders, env, retry)
    run = RunRevision(lambda: downloads.open_store(orders.run_uri), retry)

    def progress(what: str) -> Progress:
        return Progress(what, retry.monotonic, retry.log)

    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=root) as drafts:
        fetching = Fetching(root, Path(drafts), downloads, env, run.pinned, run.pin, progress)
        revision = fetch_source(orders.source, fetching)
        if revision:
            retry.log(f"source: {revision}")
        fetched = []
        for wanted in orders.inputs:
            draft, target = Path(drafts) / "input", root / contract.INPUTS / wanted.name
            fetched.append(fetch_input(wanted, draft, downloads, progress(wanted.name)))
            _clear(target)
            draft.replace(target)
        resumed = _resume(place, orders, Path(drafts), downloads, progress) if place.resume else None
    if orders.build_log and place.replica == orders.primary:
        copy_build_log(orders, orders.build_log, env, retry.log)
    report = success(revision, fetched, resumed)
    write_atomically(root / contract.FETCH_REPORT, compact_json(report))
    return report


def _resume(
    place: Place, orders: Orders, drafts: Path, downloads: Downloads, progress: Callable[[str], Progress]
) -> Resumed:
    """Put the outputs of earlier attempts in place, all at once."""
    draft, target = drafts / contract.OUTPUTS, place.root / contract.OUTPUTS
    resumed = resume(place, orders, draft, downloads, progress("outputs of earlier attempts"))
    _clear(target)
    draft.replace(target)
    write_restored(place.root, resumed.files)
    return resumed


def _clear(path: Path) -> None:
    """Remove what a fetch that was killed has left."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
