"""Lets the launcher know which values of its environment are from Secrets, to hide them in what the program prints.

The operator may not read Secrets. Of a variable that names its Secret (``secretKeyRef``) it passes the name on. Of a
whole Secret (``envFrom``) it does not know the names: that Secret is also mounted into the program's container, which
has its values already, and the launcher reads there what they are. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from footplate.constants import CONTAINER_TRAIN
from footplate.jobs.literal import literal
from footplate_runtime import contract

_ALL_MAY_READ = 0o444  # the program may run under any user


def with_masking(pod: Mapping[str, Any]) -> dict[str, Any]:
    """A pod, merged with the user's template, whose launcher knows what to hide."""
    spec = pod["spec"]
    train = next(c for c in spec["containers"] if c["name"] == CONTAINER_TRAIN)
    names = [e["name"] for e in train.get("env") or () if (e.get("valueFrom") or {}).get("secretKeyRef")]
    whole = [source["secretRef"] for source in train.get("envFrom") or () if source.get("secretRef")]
    if not names and not whole:
        return dict(pod)
    more = {
        "env": _told(names),
        "volumeMounts": [_mount(number) for number in range(len(whole))],
    }
    told = {**train, **{field: [*(train.get(field) or ()), *added] for field, added in more.items()}}
    volumes = [_volume(number, reference) for number, reference in enumerate(whole)]
    containers = [told if c is train else c for c in spec["containers"]]
    return {
        **pod,
        "spec": {**spec, "containers": containers, "volumes": [*(spec.get("volumes") or ()), *volumes]},
    }


def _told(names: Sequence[str]) -> Sequence[Mapping[str, str]]:
    return [{"name": contract.ENV_SECRET_VARIABLES, "value": literal(json.dumps(names))}] if names else []


def _mount(number: int) -> Mapping[str, Any]:
    path = f"{contract.DEFAULT_ROOT}/{contract.SECRETS}/{number}"
    return {"name": _name(number), "mountPath": path, "readOnly": True}


def _volume(number: int, reference: Mapping[str, Any]) -> Mapping[str, Any]:
    optional = {"optional": True} if reference.get("optional") else {}
    secret = {"secretName": reference["name"], "defaultMode": _ALL_MAY_READ, **optional}
    return {"name": _name(number), "secret": secret}


def _name(number: int) -> str:
    return f"footplate-secret-{number}"
