"""Unpacking an archive of code; what its members are called is data, so none of them can leave the folder."""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import Path

from footplate_runtime.fetch.errors import Refused


def unpack(archive: Path, folder: Path, name: str) -> None:
    """Unpack a tar (plain, gz, bz2 or xz) or zip archive into an empty folder.

    ``name`` stands in errors. Raises ``Refused`` when it is no archive or a member would lie outside of the folder.
    """
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, folder)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                # PEP 706: refuses members outside of the folder, links out of it and devices.
                tar.extractall(folder, filter="data")
        else:
            raise Refused(f"{name} is neither a tar nor a zip archive.")
    except tarfile.FilterError as error:
        raise Refused(f"{name} is refused: {error}.") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError) as error:
        raise Refused(f"{name} is damaged: {error}.") from error


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            parts = member.filename.replace("\\", "/").split("/")
            if member.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
                raise Refused(
                    f"{archive.name} is refused: its member {member.filename!r} would lie outside of the folder."
                )
            target = Path(content.extract(member, folder))
            permissions = member.external_attr >> 16 & 0o777
            if permissions and not member.is_dir():
                os.chmod(target, permissions & 0o755 | 0o600)
