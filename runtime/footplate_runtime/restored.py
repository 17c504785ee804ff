"""Which outputs of earlier attempts fetch has put in place, so that the agent does not bring them to the store again.

One JSON object a line in ``state/restored.jsonl``: where the object is in the run, the stamp of the file it became, and
its sha256. A file that still has its stamp is what the store has; one that the program has changed is its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from footplate_runtime import contract
from footplate_runtime.files import Stamp, compact_json, write_atomically


class Restored(NamedTuple):
    """One file: ``key`` is its object's in the run, ``path`` its own below outputs/, written as a key."""

    path: str
    key: str
    stamp: Stamp
    sha256: str


def write_restored(root: Path, files: Iterable[Restored]) -> None:
    """Leave the list for the agent. Raises ``OSError``."""
    write_atomically(root / contract.RESTORED, b"".join(compact_json(file._asdict()) + b"\n" for file in files))


def parse_restored(data: bytes) -> Iterator[Restored]:
    """What fetch left. A line that cannot be read makes its file one of the program's own, which costs an upload and no
    more: the program can write here, too."""
    for line in data.splitlines():
        try:
            entry = json.loads(line)
            stamp, sha256 = Stamp(*entry["stamp"]), entry["sha256"]
            if len(bytes.fromhex(sha256)) != 32 or not all(0 <= number < 1 << 63 for number in stamp):
                continue
            yield Restored(str(entry["path"]), str(entry["key"]), stamp, sha256)
        except (ValueError, KeyError, TypeError):
            continue
