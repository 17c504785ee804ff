"""An image that buildah has, whose programs run as a kubelet would run them: any user, a root that is read-only."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOBODY = 12345  # has no entry in any passwd

# In a mount namespace of its own; the arguments are the root, the user, pairs of folders, "--" and the command.
_IN_ROOT = """
root=$1 user=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
shift
exec chroot --userspec="$user:$user" --groups= "$root" "$@"
"""


@dataclass(frozen=True)
class BuiltImage:
    name: str
    root: Path
    config: Mapping[str, Any]
    identity: str

    def command(self, mounts: Mapping[Path, str], *words: str) -> list[str]:
        """What runs these words in the image. A folder of `mounts` is seen, and can be written to, at its path."""
        for path in mounts.values():  # the runtime of containers makes mount points before the root is read-only
            place = self.root / path.lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
        pairs = [word for folder, path in mounts.items() for word in (str(folder), path)]
        start = ["unshare", "--mount", "sh", "-ec", _IN_ROOT, "sh", str(self.root), str(NOBODY), *pairs, "--"]
        return [*start, "env", *self.config["Env"], *words]

    def run(
        self, *words: str, mounts: Mapping[Path, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end, with the variables of the image alone."""
        command = self.command(mounts or {}, *words)
        env = {"PATH": os.environ["PATH"]}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout, check=False)

    def bytes(self) -> int:
        """The files of the image, one with several names counted once."""
        found = {}
        for folder, _, files in os.walk(self.root):
            for name in files:
                info = os.lstat(os.path.join(folder, name))
                found[info.st_dev, info.st_ino] = info.st_size
        return sum(found.values())


def buildah(*words: str) -> str:
    done = subprocess.run(["buildah", *words], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"buildah {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def identity(name: str) -> str:
    """The digest of an image's configuration, and so of all that is in it."""
    return buildah("inspect", "--type", "image", "--format", "{{.FromImageID}}", name)


@contextmanager
def unpacked(name: str) -> Iterator[BuiltImage]:
    container = buildah("from", "--pull-never", name)
    try:
        root = Path(buildah("mount", container))
        config = json.loads(buildah("inspect", "--type", "image", name))["OCIv1"]["config"]
        yield BuiltImage(name, root, config, identity(name))
    finally:
        buildah("rm", container)
