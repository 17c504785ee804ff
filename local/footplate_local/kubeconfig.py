"""The kubeconfig of the embedded cluster."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from pathlib import Path

CONTEXT = "footplate"


def replace_text(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def write(path: Path, url: str, token: str, *, certificate: str, namespace: str = "default") -> None:
    """Write a kubeconfig with one context, `footplate`, for the server at `url`; it is JSON, which is YAML too.

    `certificate` is the PEM text that clients trust.
    """
    authority = base64.b64encode(certificate.encode()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": CONTEXT, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": namespace}}],
        "current-context": CONTEXT,
        "preferences": {},
    }
    replace_text(path, json.dumps(config, indent=2) + "\n")
