"""The smallest view that a store of watched objects takes."""

from __future__ import annotations

from dataclasses import dataclass

from footplate.engine.keys import Key


@dataclass(frozen=True)
class Pod:
    key: Key
    uid: str
    resource_version: str
    owner_uid: str | None = "job"


def pod(name: str, version: int | str, uid: str | None = None, owner: str | None = "job") -> Pod:
    return Pod(Key("Pod", "default", name), uid or f"uid-{name}", str(version), owner)
