"""How a container of ours gets the keys of a store: as variables, and as files, which the kubelet renews when the
Secret changes. Pure."""

from __future__ import annotations

from typing import Any

from footplate_runtime import contract

_VOLUME = "store-keys"


def take_keys(container: dict[str, Any], secret: str, optional: bool = False) -> None:
    """Give a container the keys; ``optional``: it may start without them."""
    source: dict[str, Any] = {"name": secret, "optional": True} if optional else {"name": secret}
    container["envFrom"] = [{"secretRef": source}]
    container.setdefault("env", []).append({"name": contract.ENV_STORE_KEYS, "value": contract.STORE_KEYS_MOUNT})
    mount = {"name": _VOLUME, "mountPath": contract.STORE_KEYS_MOUNT, "readOnly": True}
    container.setdefault("volumeMounts", []).append(mount)


def keys_volume(secret: str) -> dict[str, Any]:
    """The volume that its pod must have. Optional: that a Secret is missing is said of the variables, and clearer."""
    return {"name": _VOLUME, "secret": {"secretName": secret, "optional": True}}
