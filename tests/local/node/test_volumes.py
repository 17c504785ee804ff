"""Volumes, mounts and variables, as a container of a pod sees them."""

from __future__ import annotations

import base64
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from api_server import ApiServerInThread
from node_harness import Json, running_node, shell

from footplate.kube.resources import CONFIG_MAPS, SECRETS
from footplate_local.node.downward import ConfigError, Place
from footplate_local.node.environment import expand, references, spec_environment
from footplate_local.node.volumes import VolumeError, make_volumes, mounts

PLACE = Place("127.66.0.1", "127.0.0.1", "node", {"cpu": Decimal(16), "memory": Decimal(8 << 30)})
POD: Json = {
    "metadata": {
        "name": "p",
        "namespace": "default",
        "uid": "u-1",
        "labels": {"job": "digits", "a": 'say "hi"'},
        "annotations": {"x/y": "z"},
    },
    "spec": {
        "containers": [
            {
                "name": "main",
                "resources": {"limits": {"cpu": "1500m", "memory": "64Mi"}, "requests": {"cpu": "250m"}},
            }
        ]
    },
}
OBJECTS = {
    ("ConfigMap", "c"): {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1", "b": "2"}},
    ("Secret", "s"): {
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"key": base64.b64encode(b"hidden").decode()},
    },
    ("ConfigMap", "gone"): None,
}


async def test_a_container_finds_its_volumes_at_their_mount_paths(api_server: ApiServerInThread) -> None:
    """The names of the replica's pod: the orders below the tree, the message at its file, a relative working folder."""
    script = (
        "pwd; cat /footplate/launch/launch.json; cat $ROOT/launch/launch.json; cat /secret/password; "
        "cp /labels/job code/job; cat code/job"
    )
    mounted = [
        {"name": "tree", "mountPath": "/footplate"},
        {"name": "launch", "mountPath": "/footplate/launch"},
        {"name": "keys", "mountPath": "/secret"},
        {"name": "labels", "mountPath": "/labels"},
    ]
    async with running_node(api_server) as node:
        data = {"metadata": {"name": "x", "namespace": "default"}}
        await node.client.create(
            CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", **data, "data": {"launch.json": "{}\n"}}
        )
        secret = base64.b64encode(b"hidden\n").decode()
        await node.client.create(SECRETS, {"apiVersion": "v1", "kind": "Secret", **data, "data": {"password": secret}})
        label = {"path": "job", "fieldRef": {"fieldPath": "metadata.name"}}
        await node.create(
            volumes=[
                {"name": "tree", "emptyDir": {}},
                {"name": "launch", "configMap": {"name": "x"}},
                {"name": "keys", "secret": {"secretName": "x", "defaultMode": 0o400}},
                {"name": "labels", "downwardAPI": {"items": [label]}},
            ],
            initContainers=[shell("mkdir /footplate/code", "fetch", volumeMounts=mounted[:1])],
            containers=[
                shell(
                    script,
                    workingDir="/footplate",
                    volumeMounts=mounted,
                    env=[{"name": "ROOT", "value": "/footplate"}],
                )
            ],
        )
        pod = await node.until(lambda pod: pod["status"]["phase"] in ("Succeeded", "Failed"))
        folder = node.home.pod(pod["metadata"]["uid"]).volumes
        assert node.log(pod) == f"{folder}/tree\n{{}}\n{{}}\nhidden\np"
        assert (folder / "keys" / "password").stat().st_mode & 0o777 == 0o400


def volume(**source: Any) -> Json:
    return {**POD, "spec": {**POD["spec"], "volumes": [{"name": "v", **source}]}}


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ({"emptyDir": {}}, {}),
        ({"configMap": {"name": "c"}}, {"a": "1", "b": "2"}),
        ({"configMap": {"name": "c", "items": [{"key": "b", "path": "deep/er"}]}}, {"deep/er": "2"}),
        ({"configMap": {"name": "gone", "optional": True}}, {}),
        ({"secret": {"secretName": "s"}}, {"key": "hidden"}),
        (
            {
                "projected": {
                    "sources": [
                        {"configMap": {"name": "c", "items": [{"key": "a", "path": "x"}]}},
                        {"secret": {"name": "s"}},
                        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
                    ]
                }
            },
            {"x": "1", "key": "hidden", "labels": 'a="say \\"hi\\""\njob="digits"'},
        ),
        (
            {
                "downwardAPI": {
                    "items": [
                        {
                            "path": "cpu",
                            "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu", "divisor": "1m"},
                        }
                    ]
                }
            },
            {"cpu": "1500"},
        ),
    ],
)
def test_contents(source: Json, files: dict[str, str], tmp_path: Path) -> None:
    place = make_volumes(volume(**source), PLACE, OBJECTS, tmp_path)["v"]
    assert {str(p.relative_to(place)): p.read_text() for p in place.rglob("*") if p.is_file()} == files


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"configMap": {"name": "gone"}}, 'configmap "gone" not found'),
        ({"configMap": {"name": "c", "items": [{"key": "z", "path": "z"}]}}, "non-existent config key: z"),
        ({"configMap": {"name": "c", "items": [{"key": "a", "path": "../../z"}]}}, "must not contain"),
        ({"persistentVolumeClaim": {"claimName": "x"}}, "no volumes of type persistentVolumeClaim"),
        ({"configMap": {"optional": True}}, "the field 'name' is missing"),
        ({"hostPath": {"path": "/no/such", "type": "Directory"}}, "is not a directory"),
    ],
)
def test_volumes_that_cannot_be_made(source: Json, words: str, tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match=words):
        make_volumes(volume(**source), PLACE, OBJECTS, tmp_path)
    assert not (tmp_path / "v").exists()


def test_a_volume_keeps_its_contents_when_it_is_asked_for_again(tmp_path: Path) -> None:
    place = make_volumes(volume(emptyDir={}), PLACE, OBJECTS, tmp_path)["v"]
    (place / "mine").touch()
    make_volumes(volume(emptyDir={}), PLACE, OBJECTS, tmp_path)
    assert (place / "mine").exists()


def test_a_path_below_a_volume(tmp_path: Path) -> None:
    container = {"name": "m", "volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "a/b"}]}
    assert mounts(container, {"v": tmp_path}) == {"/x": tmp_path / "a" / "b"}
    container["volumeMounts"][0]["subPath"] = "../b"  # type: ignore[index]
    with pytest.raises(VolumeError, match="must be relative"):
        mounts(container, {"v": tmp_path})


def test_something_in_the_way_of_a_mount(tmp_path: Path) -> None:
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    container = {
        "name": "m",
        "volumeMounts": [{"name": "o", "mountPath": "/o"}, {"name": "i", "mountPath": "/o/inner"}],
    }
    places = {"o": tmp_path / "outer", "i": tmp_path / "i"}
    mounts(container, places)
    assert (tmp_path / "outer" / "inner").is_symlink()
    (tmp_path / "outer" / "inner").unlink()
    (tmp_path / "outer" / "inner" / "mine").mkdir(parents=True)
    with pytest.raises(VolumeError, match="in the way"):
        mounts(container, places)


def environment(*variables: Json, env_from: list[Json] | None = None) -> dict[str, str]:
    container = {**POD["spec"]["containers"][0], "env": list(variables), "envFrom": env_from or []}
    return spec_environment(container, POD, PLACE, OBJECTS)


def field_ref(path: str) -> Json:
    return {"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}


def resource_ref(resource: str, divisor: str = "0") -> Json:
    return {"name": "X", "valueFrom": {"resourceFieldRef": {"resource": resource, "divisor": divisor}}}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ({"name": "X", "value": "plain"}, "plain"),
        ({"name": "X"}, ""),
        (field_ref("metadata.name"), "p"),
        (field_ref("metadata.namespace"), "default"),
        (field_ref("metadata.uid"), "u-1"),
        (field_ref("metadata.labels['job']"), "digits"),
        (field_ref("metadata.annotations['x/y']"), "z"),
        (field_ref("metadata.labels['none']"), ""),
        (field_ref("status.podIP"), "127.66.0.1"),
        (field_ref("status.hostIP"), "127.0.0.1"),
        (field_ref("spec.nodeName"), "node"),
        (resource_ref("limits.cpu"), "2"),
        (resource_ref("requests.cpu", "1m"), "250"),
        (resource_ref("limits.memory", "1Mi"), "64"),
        (resource_ref("requests.memory"), str(64 << 20)),
        ({"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "b"}}}, "2"),
        ({"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "key"}}}, "hidden"),
    ],
)
def test_variables(variable: Json, value: str) -> None:
    assert environment(variable) == {"X": value}


def test_optional_references_that_lead_nowhere_give_nothing() -> None:
    variable = {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "k", "optional": True}}}
    missing_key = {"name": "Y", "valueFrom": {"secretKeyRef": {"name": "s", "key": "none", "optional": True}}}
    assert environment(variable, missing_key, env_from=[{"configMapRef": {"name": "gone", "optional": True}}]) == {}


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ({"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "no"}}}, "couldn't find key no in Secret"),
        ({"name": "X", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "k"}}}, 'configmap "gone" not found'),
        (field_ref("spec.unknown"), "field label not supported"),
    ],
)
def test_references_that_must_lead_somewhere(variable: Json, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        environment(variable)


def test_variables_from_whole_objects_come_first() -> None:
    assert environment({"name": "a", "value": "mine"}, env_from=[{"prefix": "C_", "configMapRef": {"name": "c"}}]) == {
        "C_a": "1",
        "C_b": "2",
        "a": "mine",
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$(A)-$(B)", "1-$(B)"),
        ("$$(A)", "$(A)"),
        ("$$$$", "$$"),
        ("$A ${A} $(A", "$A ${A} $(A"),
        ("$(A)$(A)", "11"),
    ],
)
def test_expansion(text: str, wanted: str) -> None:
    assert expand(text, {"A": "1"}) == wanted


def test_what_an_environment_refers_to() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}],
        "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "c", "key": "k"}}}, {"name": "Y", "value": "z"}],
    }
    assert references(container) == {("ConfigMap", "a"), ("Secret", "b"), ("Secret", "c")}
