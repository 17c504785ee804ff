"""A wheel to install without a network."""

from __future__ import annotations

import zipfile
from pathlib import Path


def write_tiny(folder: Path) -> None:
    """Put the package ``tiny`` 1.2 into a new folder: a module with ``WORD`` and a program ``tinycc``."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "WORD = 'tiny'\n")
        wheel.writestr("tiny-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.2\n")
        wheel.writestr("tiny-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        program = zipfile.ZipInfo("tiny-1.2.data/scripts/tinycc")
        program.external_attr = 0o100755 << 16
        wheel.writestr(program, "#!python\nprint('compiled')\n")
        wheel.writestr("tiny-1.2.dist-info/RECORD", "tiny.py,,\n")
