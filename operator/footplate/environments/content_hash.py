"""The identity of what an Environment's spec builds. Pure."""

from __future__ import annotations

import hashlib
import json

from footplate.api.environment import EnvironmentSpec


def content_hash(spec: EnvironmentSpec) -> str:
    """64 hex digits: the same for specs that build the same image.

    The variables are in it where the build has them, with pip and conda: HOROVOD_WITH_MPI=1 makes another image. A
    ready image and a dockerfile get them when a container starts. The name is not in it: two Environments with the
    same content share one build.
    """
    built_with = spec.variables and (spec.pip or spec.conda)
    exclude = set() if built_with else {"variables"}
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=exclude)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
