"""The revision all replicas and attempts of a run use: ``source.json`` in the store, written once."""

from __future__ import annotations

import json
from collections.abc import Callable

from footplate_runtime.fetch.errors import Refused
from footplate_runtime.files import compact_json
from footplate_runtime.retry import Retry
from footplate_runtime.store import NotFound, Store

SOURCE = "source.json"


class RunRevision:
    """The agreement of one run. The store is opened at the first use: an image's code needs none."""

    def __init__(self, open_run: Callable[[], Store], retry: Retry) -> None:
        self._open_run = open_run
        self._retry = retry

    def pinned(self) -> str | None:
        """What the run agreed on, None before the first proposal. Raises ``StoreError`` or ``Refused``."""
        store = self._open_run()
        try:
            data = self._retry(lambda: store.get(SOURCE))
        except NotFound:
            return None
        try:
            return str(json.loads(data)["revision"])
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(
                f"{store.uri}{SOURCE} is damaged; delete it, and the run takes the newest revision."
            ) from error

    def pin(self, revision: str) -> str:
        """Propose a revision; returns the one agreed on, which another replica may have proposed first."""
        store = self._open_run()
        if self._retry(lambda: store.put_if_absent(SOURCE, compact_json({"revision": revision}))):
            return revision
        return self.pinned() or revision
