"""PersistentVolumes, their claims and StorageClasses. Nothing provisions or binds volumes in the embedded cluster.

So the finalizers that protect what is in use are not set, which a controller would have to take away. Sources:
kubernetes pkg/apis/core/v1/defaults.go, pkg/apis/core/validation/validation.go, pkg/apis/storage.
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import field_forbidden, not_supported, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.kinds.pods import scheduling as scheduling_validation
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_VOLUME_MODES = ("Block", "Filesystem")
_RECLAIM = ("Delete", "Recycle", "Retain")
_NOT_SOURCES = {
    "accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity", "persistentVolumeReclaimPolicy",
    "storageClassName", "volumeAttributesClassName", "volumeMode",
}  # fmt: skip
_CLAIM_FIXED = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)


def fill_claim(claim: JSON) -> None:
    claim["spec"].setdefault("volumeMode", "Filesystem")
    claim["status"].setdefault("phase", "Pending")


def fill_volume(volume: JSON) -> None:
    volume["spec"].setdefault("persistentVolumeReclaimPolicy", "Retain")
    volume["spec"].setdefault("volumeMode", "Filesystem")
    if "hostPath" in volume["spec"]:
        volume["spec"]["hostPath"].setdefault("type", "")
    volume["status"].setdefault("phase", "Pending")


def fill_class(storage_class: JSON) -> None:
    storage_class.setdefault("reclaimPolicy", "Delete")
    storage_class.setdefault("volumeBindingMode", "Immediate")


def _mode_errors(spec: JSON, text: str) -> Errors:
    modes = spec.get("accessModes") or []
    if not modes:
        yield required("spec.accessModes", text)
    for mode in modes:
        if mode not in _MODES:
            yield not_supported("spec.accessModes", mode, _MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        yield field_forbidden("spec.accessModes", "may not use ReadWriteOncePod with other access modes")


def check_claim(claim: JSON, old: JSON | None) -> Errors:
    spec = claim["spec"]
    yield from checks.label_selector(spec.get("selector"), "spec.selector")
    yield from _mode_errors(spec, "at least 1 access mode is required")
    wanted = (spec["resources"].get("requests") or {}).get("storage")
    if wanted is None:
        yield required("spec.resources[storage]")
    else:
        yield from checks.quantity(wanted, "spec.resources[storage]", positive=True)
    if spec.get("storageClassName"):
        yield from checks.by(names.subdomain, spec["storageClassName"], "spec.storageClassName")
    yield from checks.maybe_one_of(spec.get("volumeMode"), _VOLUME_MODES, "spec.volumeMode")
    if old is not None and _claim_rest(claim, old) != _claim_rest(old, old):
        yield field_forbidden("spec", _CLAIM_FIXED)


def _claim_rest(claim: JSON, old: JSON) -> JSON:
    """What of a claim stays; one that is bound may ask for more, one that is not may be bound."""
    bound = old.get("status", {}).get("phase") == "Bound"
    free = {"resources", "volumeAttributesClassName"} if bound else set()
    if not old["spec"].get("volumeName"):
        free.add("volumeName")
    if "storageClassName" not in old["spec"]:
        free.add("storageClassName")
    return {key: value for key, value in claim["spec"].items() if key not in free}


def check_volume(volume: JSON, old: JSON | None) -> Errors:
    spec = volume["spec"]
    yield from _mode_errors(spec, "")
    capacity = spec.get("capacity") or {}
    if not capacity:
        yield required("spec.capacity")
    if "storage" not in capacity or len(capacity) > 1:
        yield not_supported("spec.capacity", capacity, ("storage",))
    for name, value in capacity.items():
        yield from checks.quantity(value, f"spec.capacity[{name}]", positive=True)
    policy = spec["persistentVolumeReclaimPolicy"]
    yield from checks.maybe_one_of(policy, _RECLAIM, "spec.persistentVolumeReclaimPolicy")
    if "nodeAffinity" in spec and "required" in spec["nodeAffinity"]:
        yield from scheduling_validation.node_selector(spec["nodeAffinity"]["required"], "spec.nodeAffinity.required")
    sources = spec.keys() - _NOT_SOURCES
    if not sources:
        yield required("spec", "must specify a volume type")
    for source in sorted(sources)[1:]:
        yield field_forbidden(f"spec.{source}", "may not specify more than 1 volume type")
    yield from checks.maybe_one_of(spec.get("volumeMode"), _VOLUME_MODES, "spec.volumeMode")
    if old is not None and _source_of(spec) != _source_of(old["spec"]):
        yield field_forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation")


def _source_of(spec: JSON) -> JSON:
    return {key: value for key, value in spec.items() if key not in _NOT_SOURCES}


def check_class(storage_class: JSON, old: JSON | None) -> Errors:
    yield from checks.needed(storage_class.get("provisioner"), "provisioner")
    yield from checks.maybe_one_of(storage_class["reclaimPolicy"], ("Delete", "Retain"), "reclaimPolicy")
    modes = ("Immediate", "WaitForFirstConsumer")
    yield from checks.maybe_one_of(storage_class["volumeBindingMode"], modes, "volumeBindingMode")
    if old is None:
        return
    for part in ("parameters", "provisioner"):
        if (storage_class.get(part) or {}) != (old.get(part) or {}):
            yield field_forbidden(part, f"updates to {part} are forbidden.")
    for part in ("reclaimPolicy", "volumeBindingMode"):
        if storage_class[part] != old.get(part):
            yield field_forbidden(part, f"updates to {part} are forbidden.")
