"""``outputs.mirrorDeletes``: which objects go because the program deleted their files. Pure but for what it remembers.

Only objects of which the journal says that this agent uploaded them, or that fetch brought back as this replica's own.
A file must be missed by two scans, and all that waited at the first must be stored at the second: so a file that is
renamed is in the store under one of its names at any time, and one that is written anew is never deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable


class Mirror:
    """Remembers what the last scan missed."""

    def __init__(self) -> None:
        self._missed: frozenset[str] = frozenset()
        self._waited: frozenset[str] = frozenset()

    def deletable(self, missed: Iterable[str], waiting: Collection[str], all_known: bool) -> frozenset[str]:
        """The keys that may be deleted after a scan that could look at everything.

        ``missed`` are the keys that are stored and whose files it did not find, ``waiting`` those of files that are
        not stored yet; ``all_known`` is false when there are more of these.
        """
        missed = frozenset(missed)
        still = self._missed & missed
        if still and not (all_known and self._waited.isdisjoint(waiting)):
            self._missed = still
            return frozenset()
        self._missed, self._waited = missed - still, frozenset(waiting) if missed else frozenset()
        return still
