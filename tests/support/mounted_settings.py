"""A settings file as the kubelet mounts and replaces it (Kubernetes: pkg/volume/util/atomic_writer.go)."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path


class MountedSettings:
    """`settings.yaml` -> `..data/settings.yaml`, and `..data` -> a folder of its own for each version."""

    def __init__(self, folder: Path, text: str) -> None:
        self.path = folder / "settings.yaml"
        self._data = folder / "..data"
        self._numbers = itertools.count(1)
        folder.mkdir()
        self.replace(text)
        self.path.symlink_to("..data/settings.yaml")

    def replace(self, text: str) -> None:
        """The next version, swapped in at once; the one before is removed."""
        before = self._data.resolve() if self._data.exists() else None
        version = self._data.with_name(f"..2026_11_22_{next(self._numbers)}")
        version.mkdir()
        (version / "settings.yaml").write_text(text)
        link = self._data.with_name("..data_tmp")
        link.symlink_to(version.name)
        link.replace(self._data)
        if before is not None:
            shutil.rmtree(before)
