"""The identity of what an Environment's spec builds. Pure."""

from __future__ import annotations

import hashlib
import json

from footplate.api.environment import EnvironmentSpec


def content_hash(spec: EnvironmentSpec) -> str:
    """64 hex digits: the same for specs that build the same image.

    Variables are not in it: they are set when the container starts. Nor is the name: two Environments with the
    same content share one build.
    """
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"variables"})
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
