"""Paths of a container, on a machine whose file system all containers share.

A container of a real cluster sees its volumes at their mountPaths. Here they lie in the pod's folder, and each
mountPath is rewritten wherever it stands in commands, arguments and environment values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

# What may stand before a path that is meant: not the end of a longer path, and not of a substitution ($(X)/data).
_BEFORE = r"(?<![\w.\-~/)}\]*?%@])"
_FILE_URL = r"(?<=file://)"
_AFTER = r"(?=/|$|[^\w.\-])"


class Rewriter:
    """Replaces mountPaths by the places on this machine, the longest first, at path boundaries only."""

    def __init__(self, mounts: Mapping[str, Path]) -> None:
        """MOUNTS: mountPath -> place. A mount at ``/`` cannot be told from any other path and is left alone."""
        places = {path.rstrip("/"): str(place) for path, place in mounts.items()}
        places.pop("", None)
        self._places = places
        longest_first = sorted(places, key=len, reverse=True)
        alternatives = "|".join(re.escape(path) for path in longest_first)
        self._pattern = re.compile(f"(?:{_BEFORE}|{_FILE_URL})(?:{alternatives}){_AFTER}") if places else None

    def rewrite(self, text: str) -> str:
        """``--data=/footplate/inputs`` -> ``--data=<pod>/volumes/footplate/inputs``."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self._places[match[0]], text)

    def place(self, path: str) -> Path | None:
        """Where the absolute container path lies when it is in a mount, else None."""
        for mount in sorted(self._places, key=len, reverse=True):
            if path == mount or path.startswith(mount + "/"):
                return Path(self._places[mount] + path[len(mount) :])
        return None


def inside(base: Path, relative: str) -> Path:
    """BASE/RELATIVE. ValueError when RELATIVE is absolute or leaves BASE: names in a spec are data."""
    parts = Path(relative).parts
    if Path(relative).is_absolute() or ".." in parts:
        raise ValueError(f"the path {relative!r} must be relative and must not contain '..'")
    return base.joinpath(*parts)
