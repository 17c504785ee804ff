"""The CRDs themselves: complete, bounded, and what the models say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from footplate.api.crd import DEFINITIONS, crd, documents

CRDS = Path(__file__).parents[2] / "crds"
Json = dict[str, Any]

KINDS = pytest.mark.parametrize(
    "document", [crd(definition) for definition in DEFINITIONS], ids=lambda document: document["metadata"]["name"]
)


def nodes(schema: Json, path: str) -> Iterator[tuple[str, Json]]:
    """A schema and all those below it, with their places."""
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def root(document: Json) -> Json:
    (version,) = document["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]  # type: ignore[no-any-return]


def test_the_files_are_what_the_models_say() -> None:
    assert {path.name: path.read_text() for path in CRDS.iterdir()} == documents(), "run `make crds`"


@KINDS
def test_kubernetes_knows_every_field(document: Json) -> None:
    kubernetes_validate.validate(document, "1.34", strict=True)


@KINDS
def test_every_field_is_described(document: Json) -> None:
    for path, schema in nodes(root(document), ""):
        if path != ".metadata" and not path.endswith(("[]", "{}")):
            assert schema.get("description"), f"{path} has no docstring"


@KINDS
def test_descriptions_tell_the_default(document: Json) -> None:
    """kubectl explain does not show it otherwise."""
    for path, schema in nodes(root(document), ""):
        if schema.get("default", {}) != {}:
            word = json.dumps(schema["default"]).strip('"')
            assert schema["description"].endswith(f" Default: {word}."), path


@KINDS
def test_everything_has_one_type_and_a_size(document: Json) -> None:
    for path, schema in nodes(root(document), ""):
        if path in (".apiVersion", ".kind"):
            continue
        match schema.get("type"):
            case "string" if schema.get("format") != "date-time":
                assert schema.keys() & {"maxLength", "enum"}, f"{path} has no maximal length"
            case "array":
                assert "maxItems" in schema, f"{path} has no maximal number of items"
                assert "items" in schema
            case "object":
                assert "maxProperties" in schema or "additionalProperties" not in schema, f"{path} has no maximal size"
            case "integer":
                assert schema["format"] == "int64"
            case "boolean" | "string":
                pass
            case None:
                assert schema.keys() & {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}, path
            case other:
                pytest.fail(f"{path} is of type {other}")
        assert not schema.keys() & {"$ref", "anyOf", "oneOf", "allOf", "not", "title", "$defs"}, path


@KINDS
def test_a_status_has_no_defaults(document: Json) -> None:
    for path, schema in nodes(root(document)["properties"]["status"], ".status"):
        assert "default" not in schema, path


@KINDS
def test_keys_of_list_maps_are_required_scalars(document: Json) -> None:
    for path, schema in nodes(root(document), ""):
        for key in schema.get("x-kubernetes-list-map-keys", ()):
            assert key in schema["items"]["required"], path
            assert schema["items"]["properties"][key]["type"] in ("string", "integer"), path


@KINDS
def test_columns_show_fields_that_exist(document: Json) -> None:
    fields = {path for path, _ in nodes(root(document), "")} | {".metadata.creationTimestamp"}
    (version,) = document["spec"]["versions"]
    for column in version["additionalPrinterColumns"]:
        path = column["jsonPath"].replace('[?(@.type=="Ready")]', "[]").replace("[0]", "[]")
        assert path in fields, column["name"]


def test_short_names_and_categories() -> None:
    names = {d.kind: crd(d)["spec"]["names"] for d in DEFINITIONS}

    assert {kind: found["shortNames"] for kind, found in names.items()} == {
        "TrainingJob": ["tj"],
        "ComputePool": ["pool"],
        "Environment": ["env"],
        "RegisteredModel": ["model"],
        "Dataset": ["dset"],
    }
    assert all(found["categories"] == ["footplate"] for found in names.values())


def test_only_pools_are_cluster_scoped() -> None:
    assert [d.kind for d in DEFINITIONS if crd(d)["spec"]["scope"] == "Cluster"] == ["ComputePool"]


def test_every_rule_has_a_refused_example() -> None:
    refusals = [
        path.read_text().partition("\n")[0].removeprefix("# refused: ")
        for path in (Path(__file__).parent / "reject").iterdir()
    ]
    for document in map(yaml.safe_load, documents().values()):
        for path, schema in nodes(root(document), ""):
            for rule in schema.get("x-kubernetes-validations", ()):
                assert any(why in rule["message"] for why in refusals), f"{path}: {rule['message']}"
