"""The environment variables of a container, from its spec and from the machine."""

from __future__ import annotations

import base64
import binascii
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from footplate_local.node.downward import ConfigError, Place, field, resource_field
from footplate_local.node.resources import container_limit, container_requests
from footplate_runtime.contract import ENV_HOSTS

Reference = tuple[str, str]  # ("ConfigMap" | "Secret", name)
Objects = Mapping[Reference, Mapping[str, Any] | None]  # None: there is no such object

# How this machine reaches the network and its libraries: as much part of it as its PATH.
MACHINE_VARIABLES = frozenset(
    name
    for lower in ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
    for name in (lower, lower.upper())
) | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "LD_LIBRARY_PATH", "TZ"}
MACHINE_PREFIXES = ("PIP_",)


def references(container: Mapping[str, Any]) -> set[Reference]:
    """The ConfigMaps and Secrets that the environment of CONTAINER is made from."""
    found: set[Reference] = set()
    for source in container.get("envFrom") or []:
        found |= {(kind, source[key]["name"]) for kind, key in _REFS if source.get(key)}
    for variable in container.get("env") or []:
        value_from = variable.get("valueFrom") or {}
        found |= {(kind, value_from[key]["name"]) for kind, key in _KEY_REFS if value_from.get(key)}
    return found


_REFS = (("ConfigMap", "configMapRef"), ("Secret", "secretRef"))
_KEY_REFS = (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef"))


def spec_environment(
    container: Mapping[str, Any], pod: Mapping[str, Any], place: Place, objects: Objects
) -> dict[str, str]:
    """``envFrom`` and ``env`` of CONTAINER, references resolved and $(VAR) expanded.

    ConfigError says what is missing.
    """
    values: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        for kind, key in _REFS:
            if source.get(key):
                entries = _all_of(kind, source[key], pod, objects)
                values |= {source.get("prefix", "") + name: value for name, value in entries.items()}
    for variable in container.get("env") or []:
        value = _value_of(variable, container, pod, place, objects, values)
        if value is not None:
            values[variable["name"]] = value
    return values


def _value_of(
    variable: Mapping[str, Any],
    container: Mapping[str, Any],
    pod: Mapping[str, Any],
    place: Place,
    objects: Objects,
    known: Mapping[str, str],
) -> str | None:
    value_from = variable.get("valueFrom")
    if not value_from:
        return expand(variable.get("value") or "", known)
    if value_from.get("fieldRef"):
        return field(pod, place, value_from["fieldRef"]["fieldPath"])
    if value_from.get("resourceFieldRef"):
        return resource_field(pod, place, value_from["resourceFieldRef"], container["name"])
    for kind, key in _KEY_REFS:
        if value_from.get(key):
            return _key_of(kind, value_from[key], pod, objects)
    raise ConfigError(f"the source of environment variable {variable['name']} is not supported here")


def _key_of(kind: str, reference: Mapping[str, Any], pod: Mapping[str, Any], objects: Objects) -> str | None:
    data = _all_of(kind, reference, pod, objects)
    if reference["key"] in data:
        return data[reference["key"]]
    if reference.get("optional"):
        return None
    namespace = pod["metadata"]["namespace"]
    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}")


def _all_of(kind: str, reference: Mapping[str, Any], pod: Mapping[str, Any], objects: Objects) -> dict[str, str]:
    value = objects.get((kind, reference["name"]))
    if value is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{kind.lower()} "{reference["name"]}" not found')
    try:
        return {key: os.fsdecode(content) for key, content in contents(value).items()}
    except ValueError as error:
        raise ConfigError(str(error)) from error


def contents(value: Mapping[str, Any]) -> dict[str, bytes]:
    """The entries of a ConfigMap (data, binaryData) or Secret (data). ValueError: not base64."""
    name = value["metadata"]["name"]
    encoded = dict(value.get("binaryData") or {})
    plain = dict(value.get("data") or {})
    if value.get("kind") == "Secret":
        encoded, plain = plain, {}
    try:
        decoded = {key: base64.b64decode(text, validate=True) for key, text in encoded.items()}
    except binascii.Error as error:
        raise ValueError(f"an entry of {name} is not base64: {error}") from error
    return decoded | {key: text.encode() for key, text in plain.items()}


_VARIABLE = re.compile(r"\$(\$|\(([^)]*)\))")


def expand(text: str, known: Mapping[str, str]) -> str:
    """Replaces $(NAME) by what is known; ``$$`` is ``$``; an unknown name stays as it is.

    Source: kubernetes third_party/forked/golang/expansion.
    """

    def replacement(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return known.get(match[2], match[0])

    return _VARIABLE.sub(replacement, text)


def machine_environment(
    container: Mapping[str, Any],
    *,
    machine: Mapping[str, str],
    bin_folder: Path | None,
    hostname: str,
    cache: Path,
    hosts: Path,
    scratch: Path,
    temporary: Path,
    gpus: tuple[str, ...],
) -> dict[str, str]:
    """What every container has: a small, clean environment over which the spec's variables are laid.

    MACHINE is the node's own environment; CACHE is shared by all pods, SCRATCH is the pod's HOME; GPUS are the
    indices given to the container.
    """
    path = machine.get("PATH") or os.defpath
    values = {
        name: value for name, value in machine.items() if name in MACHINE_VARIABLES or name.startswith(MACHINE_PREFIXES)
    }
    values |= {
        "PATH": path if bin_folder is None else f"{bin_folder}:{path}",
        "HOME": str(scratch),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "HOSTNAME": hostname,
        # Downloads of pip, torch.hub and the like are shared by all pods, though each has a HOME of its own.
        "XDG_CACHE_HOME": str(cache),
        ENV_HOSTS: str(hosts),
        # All pods are on the loopback interface; these guess another one from the machine's routes.
        "GLOO_SOCKET_IFNAME": "lo",
        "NCCL_SOCKET_IFNAME": "lo",
        "OMPI_MCA_btl_tcp_if_include": "lo",
        "FI_TCP_IFACE": "lo",  # libfabric: MPICH, Intel MPI
        # Open MPI takes the pods for machines of their own: its ranks would spin, more of them than there are cores.
        "OMPI_MCA_mpi_yield_when_idle": "1",
        # The order of nvidia-smi, so that the indices mean the same. No GPU asked for: none to be seen.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": ",".join(gpus),
    }
    cores = container_limit(container, "cpu") or container_requests(container).get("cpu")
    if cores:
        values["OMP_NUM_THREADS"] = str(max(1, math.ceil(cores)))
    return values
