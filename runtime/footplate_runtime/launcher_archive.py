"""Writes the launcher as one file: a zipapp of the ``footplate_run`` sources.

The file starts the launcher when it is executed by any Python from 3.6 on, and makes ``import footplate_run`` work when
it is on ``PYTHONPATH``. Members are stored, not deflated: zipimport then needs no zlib and starts faster. Beside each
source lies its byte code for this Python: where the image has the same version, the launcher need not be compiled at
each start (half of its time); another version finds a foreign magic number and takes the source.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import tempfile
import zipfile
from importlib.machinery import SourceFileLoader
from pathlib import Path

import footplate_run

_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = b"import sys\n\nfrom footplate_run.__main__ import main\n\nsys.exit(main())\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time that a zip can hold


def write_launcher(target: Path) -> None:
    """Writes the zipapp to ``target`` (mode 0755) under a temporary name, then renames it into place.

    The folder of ``target`` is made when it is missing. Raises OSError when it cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(_SHEBANG)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(_member("__main__.py"), _MAIN)
                for name, source in _sources():
                    archive.writestr(_member(name), source.read_bytes())
                    archive.writestr(_member(name + "c"), _byte_code(source))
            file.flush()
            os.fchmod(fd, 0o755)  # the user's container may run under another uid
            os.fsync(fd)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sources() -> list[tuple[str, Path]]:
    """Every source with its name in the archive."""
    folders = [Path(folder) for folder in footplate_run.__path__]
    found = [(f"footplate_run/{path.relative_to(folder)}", path) for folder in folders for path in folder.rglob("*.py")]
    return sorted(found)


def _byte_code(source: Path) -> bytes:
    """The content of a .pyc that is taken without a look at its source (PEP 552: hash-based, unchecked)."""
    code = SourceFileLoader(source.stem, str(source)).get_code(source.stem)  # compiled already, where it can be kept
    assert code is not None
    flags = (1).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source.read_bytes()) + marshal.dumps(code)


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.external_attr = 0o644 << 16
    return member
