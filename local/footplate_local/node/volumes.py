"""The volumes of a pod as folders of its own, and where a container finds them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from footplate_local.node.downward import ConfigError, Place, field, resource_field
from footplate_local.node.environment import Objects, Reference, contents
from footplate_local.node.paths import inside

Json = Mapping[str, Any]


class VolumeError(Exception):
    """A volume cannot be made (yet); the message names it."""


def references(pod: Json) -> set[Reference]:
    """The ConfigMaps and Secrets that the volumes of POD are made from."""
    found: set[Reference] = set()
    for volume in pod["spec"].get("volumes") or []:
        for source in [volume, *((volume.get("projected") or {}).get("sources") or [])]:
            if name := (source.get("configMap") or {}).get("name"):
                found.add(("ConfigMap", name))
            if name := _secret_name(source.get("secret") or {}):
                found.add(("Secret", name))
    return found


def _secret_name(source: Json) -> str:
    name = source.get("secretName") or source.get("name")  # a volume's field; a projection's
    return str(name or "")


def make_volumes(pod: Json, place: Place, objects: Objects, folder: Path) -> dict[str, Path]:
    """Makes what is not there yet under FOLDER; volume name -> place. VolumeError says what is missing.

    Contents are written once: a change of a ConfigMap reaches the next pod. A volume is made under another name and
    renamed, so one that exists is whole.
    """
    places: dict[str, Path] = {}
    for volume in pod["spec"].get("volumes") or []:
        name = volume["name"]
        try:
            if volume.get("hostPath"):
                places[name] = _host_path(volume["hostPath"])
                continue
            places[name] = folder / name
            if not places[name].exists():
                _make(volume, pod, place, objects, folder / name)
        except (ConfigError, OSError, ValueError) as error:
            raise VolumeError(f'MountVolume.SetUp failed for volume "{name}" : {error}') from error
        except KeyError as error:
            raise VolumeError(f'MountVolume.SetUp failed for volume "{name}" : the field {error} is missing') from error
    return places


def _make(volume: Json, pod: Json, place: Place, objects: Objects, target: Path) -> None:
    building = target.with_name(f".{target.name}.new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    if volume.get("emptyDir") is None:
        for path, content, mode in _files(volume, pod, place, objects):
            file = inside(building, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(mode)
    else:
        building.chmod(0o777)
    building.rename(target)


def _files(
    volume: Json, pod: Json, place: Place, objects: Objects, mode: int = 0o644
) -> Iterator[tuple[str, bytes, int]]:
    """(path, content, mode) of each file of a configMap, secret, downwardAPI or projected volume."""
    if projected := volume.get("projected"):
        for source in projected.get("sources") or []:
            yield from _files(source, pod, place, objects, projected.get("defaultMode") or mode)
    elif source := volume.get("configMap"):
        yield from _entries("ConfigMap", source["name"], source, objects, mode)
    elif source := volume.get("secret"):
        yield from _entries("Secret", _secret_name(source), source, objects, mode)
    elif source := volume.get("downwardAPI"):
        for item in source.get("items") or []:
            content = _downward(item, pod, place).encode()
            yield item["path"], content, item.get("mode") or source.get("defaultMode") or mode
    else:
        kinds = ", ".join(key for key in volume if key != "name") or "nothing"
        raise ConfigError(
            f"the embedded cluster has no volumes of type {kinds}; use emptyDir, configMap, secret, projected, "
            "downwardAPI or hostPath"
        )


def _entries(kind: str, name: str, source: Json, objects: Objects, mode: int) -> Iterator[tuple[str, bytes, int]]:
    value = objects.get((kind, name))
    if value is None:
        if source.get("optional"):
            return
        raise ConfigError(f'{kind.lower()} "{name}" not found')
    data = contents(value)
    default = source.get("defaultMode") or mode
    if not source.get("items"):
        for key, content in data.items():
            yield key, content, default
    for item in source.get("items") or []:
        if item["key"] in data:
            yield item["path"], data[item["key"]], item.get("mode") or default
        elif not source.get("optional"):
            raise ConfigError(f"references non-existent config key: {item['key']}")


def _downward(item: Json, pod: Json, place: Place) -> str:
    if item.get("fieldRef"):
        return field(pod, place, item["fieldRef"]["fieldPath"])
    return resource_field(pod, place, item["resourceFieldRef"], None)


def _host_path(source: Json) -> Path:
    path, kind = Path(source["path"]), source.get("type") or ""
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        path.touch()
    elif (kind == "Directory" and not path.is_dir()) or (kind == "File" and not path.is_file()):
        raise ConfigError(f"hostPath type check failed: {path} is not a {kind.lower()}")
    return path


def mounts(container: Json, places: Mapping[str, Path]) -> dict[str, Path]:
    """mountPath -> place for CONTAINER. A mount inside another one is linked into the outer volume.

    The link lets a program find the inner mount below the outer one's path too. It is seen by every container that
    mounts the outer volume. VolumeError when something else is in the way.
    """
    found: dict[str, Path] = {}
    for mount in container.get("volumeMounts") or []:
        if mount["name"] not in places:
            raise VolumeError(f"container {container['name']} mounts the volume {mount['name']}, which the pod has not")
        place = places[mount["name"]]
        if mount.get("subPath"):
            try:
                place = inside(place, mount["subPath"])
            except ValueError as error:
                raise VolumeError(f"container {container['name']}: {error}") from error
            if not place.exists():
                place.mkdir(parents=True)
        found[mount["mountPath"].rstrip("/") or "/"] = place
    for inner in sorted(found, key=len):
        outer = max((path for path in found if inner.startswith(path + "/")), key=len, default=None)
        if outer is not None:
            _link(found[outer] / inner[len(outer) + 1 :], found[inner])
    return found


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and Path(os.readlink(link)) == target:
        return
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink():
            link.unlink()
        elif link.is_dir():
            link.rmdir()
        link.symlink_to(target)
    except OSError as error:
        raise VolumeError(f"{link} is in the way of a mount: {error}") from error
