"""CustomResourceDefinitions: what is refused and where, what is filled in, and how kinds come and go."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_objects import DEFINITIONS, MERGE, created, definition, eventually, gone, read
from api_server import ApiServerInThread

JSON = dict[str, Any]
SCHEMA: JSON = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}}}
ROOT = "spec.validation.openAPIV3Schema"
SPEC = f"{ROOT}.properties[spec]"
REQUIRED, INVALID, FORBIDDEN = "FieldValueRequired", "FieldValueInvalid", "FieldValueForbidden"
UNSUPPORTED = "FieldValueNotSupported"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    started = ApiServerInThread(Path(tmp_path_factory.mktemp("server")))
    started.start()
    yield started
    started.stop()


def _causes(server: ApiServerInThread, body: JSON) -> set[tuple[str, str]]:
    status, answer = server.request("POST", f"{DEFINITIONS}?dryRun=All", body)
    assert status in (201, 422), answer
    return {(cause["reason"], cause["field"]) for cause in answer.get("details", {}).get("causes", ())}


def _spec(**part: Any) -> JSON:
    """A schema with a part of its spec's."""
    return {"type": "object", "properties": {"spec": part}}


def _field(**part: Any) -> JSON:
    """A schema with one field, spec.x."""
    return _spec(type="object", properties={"x": part})


X = f"{SPEC}.properties[x]"
_ITEM = {"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "causes"),
    [
        ({}, {(REQUIRED, "spec.versions[0].schema.openAPIV3Schema")}),
        ({"type": "string"}, {(INVALID, f"{ROOT}.type")}),
        ({"type": "object", "nullable": True}, {(FORBIDDEN, f"{ROOT}.nullable"), (INVALID, ROOT)}),
        ({"type": "object", "anyOf": [{"required": ["spec"]}]}, {(INVALID, ROOT)}),
        (_spec(description="no type"), {(REQUIRED, f"{SPEC}.type")}),
        (_field(type="array"), {(REQUIRED, f"{X}.items")}),
        (_field(type="array", items={}), {(REQUIRED, f"{X}.items.type")}),
        (_field(type="text"), {(UNSUPPORTED, f"{X}.type")}),
        (
            _spec(type="object", properties={"x": {"type": "string"}}, additionalProperties={"type": "string"}),
            {(FORBIDDEN, f"{SPEC}.additionalProperties")},
        ),
        (_field(type="string", anyOf=[{"type": "string"}]), {(FORBIDDEN, f"{X}.anyOf[0].type")}),
        (_field(type="string", allOf=[{"description": "d"}]), {(FORBIDDEN, f"{X}.allOf[0].description")}),
        (_field(type="string", oneOf=[{"nullable": True}]), {(FORBIDDEN, f"{X}.oneOf[0].nullable")}),
        (
            _field(type="string", **{"not": {"default": "d"}}),
            {(FORBIDDEN, f"{X}.not.default")},
        ),
        (_spec(type="object", anyOf=[{"properties": {"y": {"minimum": 1}}}]), set()),
        (_field(type="string", pattern="("), {(INVALID, f"{X}.pattern")}),
        (_field(type="string", pattern="(?=a)"), {(INVALID, f"{X}.pattern")}),
        (_field(type="string", **{"$ref": "#/a"}), {(FORBIDDEN, f"{X}.$ref")}),
        (_field(type="array", items={"type": "string"}, uniqueItems=True), {(FORBIDDEN, f"{X}.uniqueItems")}),
        (
            _field(type="object", **{"x-kubernetes-preserve-unknown-fields": False}),
            {(INVALID, f"{X}.x-kubernetes-preserve-unknown-fields")},
        ),
        (
            _field(**{"x-kubernetes-int-or-string": True, "x-kubernetes-preserve-unknown-fields": True}),
            {(INVALID, f"{X}.x-kubernetes-preserve-unknown-fields")},
        ),
        (
            _field(type="string", **{"x-kubernetes-embedded-resource": True}),
            {(INVALID, f"{X}.type"), (REQUIRED, f"{X}.properties")},
        ),
        (_field(type="object", **{"x-kubernetes-embedded-resource": True}), {(REQUIRED, f"{X}.properties")}),
        (_field(type="string", **{"x-kubernetes-list-type": "set"}), {(INVALID, f"{X}.type")}),
        (
            _field(type="array", items=_ITEM, **{"x-kubernetes-list-type": "bag"}),
            {(UNSUPPORTED, f"{X}.x-kubernetes-list-type")},
        ),
        (
            _field(type="array", items=_ITEM, **{"x-kubernetes-list-type": "set"}),
            {(INVALID, f"{X}.items.x-kubernetes-map-type")},
        ),
        (
            _field(type="array", items=_ITEM, **{"x-kubernetes-list-type": "map"}),
            {(REQUIRED, f"{X}.x-kubernetes-list-map-keys")},
        ),
        (
            _field(type="array", items=_ITEM, **{"x-kubernetes-list-map-keys": ["k"]}),
            {(REQUIRED, f"{X}.x-kubernetes-list-type")},
        ),
        (
            _field(
                type="array",
                items={**_ITEM, "required": []},
                **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k", "l"]},
            ),
            {(REQUIRED, f"{X}.items.properties[k].default"), (INVALID, f"{X}.x-kubernetes-list-map-keys")},
        ),
        (_field(type="integer", default="one"), {("FieldValueTypeInvalid", f"{X}.default")}),
        (_field(type="string", enum=["a"], default="b"), {(UNSUPPORTED, f"{X}.default")}),
        (
            _field(type="object", properties={"y": {"type": "integer"}}, default={"y": 1, "z": 2}),
            {(INVALID, f"{X}.default")},
        ),
        (
            _field(type="object", properties={"y": {"type": "integer"}}, default={"y": "1"}),
            {("FieldValueTypeInvalid", f"{X}.default.y")},
        ),
        (
            {
                "type": "object",
                "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}},
            },
            {(FORBIDDEN, f"{ROOT}.properties[metadata]")},
        ),
        (
            {
                "type": "object",
                "properties": {
                    "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}}
                },
            },
            set(),
        ),
        (_field(anyOf=[{"type": "integer"}, {"type": "string"}], **{"x-kubernetes-int-or-string": True}), set()),
        (_field(type="object", additionalProperties={"type": "string"}, maxProperties=3), set()),
        (_field(type="object", additionalProperties=True), set()),
    ],
)
def test_a_schema_is_refused_where_it_is_wrong(
    server: ApiServerInThread, schema: JSON, causes: set[tuple[str, str]]
) -> None:
    assert _causes(server, definition(schema)) == causes


def _rule(**rule: Any) -> JSON:
    return _spec(
        type="object",
        properties={
            "a": {"type": "string"},
            "n": {"type": "integer"},
            "list": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        },
        **{"x-kubernetes-validations": [rule]},
    )


RULE = f"{SPEC}.x-kubernetes-validations[0]"


@pytest.mark.parametrize(
    ("rule", "causes"),
    [
        ({"rule": ""}, {(REQUIRED, f"{RULE}.rule")}),
        ({"rule": "self.("}, {(INVALID, f"{RULE}.rule")}),
        ({"rule": "self.nothing == 1"}, {(INVALID, f"{RULE}.rule")}),
        ({"rule": "self.a > 1"}, {(INVALID, f"{RULE}.rule")}),
        ({"rule": "self.list.all(i, i.m > 1)"}, {(INVALID, f"{RULE}.rule")}),
        ({"rule": "self.n + 1"}, {(INVALID, f"{RULE}.rule")}),
        ({"rule": "nosuch(self)"}, {(INVALID, f"{RULE}.rule")}),
        ({"rule": "true", "message": " "}, {(INVALID, f"{RULE}.message")}),
        ({"rule": "true", "message": "a\nb"}, {(INVALID, f"{RULE}.message")}),
        ({"rule": "true\n|| false"}, {(REQUIRED, f"{RULE}.message")}),
        ({"rule": "true", "reason": "Because"}, {(UNSUPPORTED, f"{RULE}.reason")}),
        ({"rule": "true", "fieldPath": ".nothing"}, {(INVALID, f"{RULE}.fieldPath")}),
        ({"rule": "true", "messageExpression": "1"}, {(INVALID, f"{RULE}.messageExpression")}),
        ({"rule": "true", "messageExpression": "self.("}, {(INVALID, f"{RULE}.messageExpression")}),
        ({"rule": "true", "optionalOldSelf": True}, {(INVALID, f"{RULE}.optionalOldSelf")}),
        ({"rule": "oldSelf.orValue(self).n == 1", "optionalOldSelf": True, "fieldPath": ".list"}, set()),
        ({"rule": "self.list.all(i, i.n > 1) // fine", "messageExpression": "'n is ' + string(self.n)"}, set()),
    ],
)
def test_a_rule_is_refused_where_it_is_wrong(
    server: ApiServerInThread, rule: JSON, causes: set[tuple[str, str]]
) -> None:
    assert _causes(server, definition(_rule(**rule))) == causes


def test_items_of_plain_lists_have_no_former_state(server: ApiServerInThread) -> None:
    item = {"type": "integer", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}
    schema = _field(type="array", items=item)
    assert _causes(server, definition(schema)) == {(INVALID, f"{X}.items.x-kubernetes-validations[0].rule")}


def _second(body: JSON, **change: Any) -> None:
    body["spec"]["versions"].append(
        {**copy.deepcopy(body["spec"]["versions"][0]), "name": "v2", "storage": False, **change}
    )


def _set(*path: str | int, to: Any) -> Callable[[JSON], None]:
    def change(body: JSON) -> None:
        place: Any = body
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


_V1 = ("spec", "versions", 0)
_WEBHOOK = {"strategy": "Webhook"}


@pytest.mark.parametrize(
    ("change", "causes"),
    [
        (_set("metadata", "name", to="stuff.test.example.com"), {(INVALID, "metadata.name")}),
        (_set("spec", "group", to="example"), {(INVALID, "spec.group"), (INVALID, "metadata.name")}),
        (_set("spec", "scope", to="World"), {(UNSUPPORTED, "spec.scope")}),
        (
            _set("spec", "names", "kind", to="my_kind"),
            {(INVALID, "spec.names.kind"), (INVALID, "spec.names.singular"), (INVALID, "spec.names.listKind")},
        ),
        (_set("spec", "names", "shortNames", to=["Th"]), {(INVALID, "spec.names.shortNames[0]")}),
        (_set("spec", "names", "listKind", to="Thing"), {(INVALID, "spec.names.listKind")}),
        (_set("spec", "versions", to=[]), {(INVALID, "spec.versions"), (INVALID, "status.storedVersions")}),
        (_set(*_V1, "storage", to=False), {(INVALID, "spec.versions"), (INVALID, "status.storedVersions")}),
        (_set(*_V1, "name", to="V1"), {(INVALID, "spec.versions[0].name"), (INVALID, "spec.version")}),
        (_second, set()),
        (lambda body: _second(body, name="v1"), {(INVALID, "spec.versions")}),
        (lambda body: _second(body, storage=True), {(INVALID, "spec.versions"), (INVALID, "status.storedVersions")}),
        (
            lambda body: _second(body, schema={"openAPIV3Schema": {"type": "string"}}),
            {(INVALID, "spec.versions[1].schema.openAPIV3Schema.type")},
        ),
        (_set("spec", "preserveUnknownFields", to=True), {(INVALID, "spec.preserveUnknownFields")}),
        (_set(*_V1, "deprecationWarning", to="old"), {(INVALID, "spec.versions[0].deprecationWarning")}),
        (
            _set(*_V1, "subresources", to={"scale": {"specReplicasPath": ".a", "statusReplicasPath": "b"}}),
            {
                (INVALID, "spec.subresources.scale.specReplicasPath"),
                (INVALID, "spec.subresources.scale.statusReplicasPath"),
            },
        ),
        (
            _set(*_V1, "additionalPrinterColumns", to=[{"name": "A", "type": "text", "jsonPath": "a"}]),
            {
                (INVALID, "spec.additionalPrinterColumns[0].type"),
                (INVALID, "spec.additionalPrinterColumns[0].JSONPath"),
            },
        ),
        (
            _set(
                *_V1, "selectableFields", to=[{"jsonPath": ".spec.b"}, {"jsonPath": ".spec"}, {"jsonPath": ".spec.a"}]
            ),
            {(INVALID, "spec.selectableFields[0].jsonPath"), (INVALID, "spec.selectableFields[1].jsonPath")},
        ),
        (
            _set("spec", "conversion", to=_WEBHOOK),
            {(REQUIRED, "spec.conversion.webhookClientConfig"), (REQUIRED, "spec.conversion.conversionReviewVersions")},
        ),
        (_set("spec", "conversion", to={"strategy": "Magic"}), {(UNSUPPORTED, "spec.conversion.strategy")}),
    ],
)
def test_a_definition_is_refused_where_it_is_wrong(
    server: ApiServerInThread, change: Callable[[JSON], None], causes: set[tuple[str, str]]
) -> None:
    body = definition(copy.deepcopy(SCHEMA))
    change(body)
    assert _causes(server, body) == causes


@pytest.mark.parametrize(
    ("annotation", "causes"),
    [
        (None, {(REQUIRED, "metadata.annotations[api-approved.kubernetes.io]")}),
        ("please", {(INVALID, "metadata.annotations[api-approved.kubernetes.io]")}),
        ("unapproved, a trial", set()),
        ("https://github.com/kubernetes/kubernetes/pull/1", set()),
    ],
)
def test_groups_of_the_community_need_approval(
    server: ApiServerInThread, annotation: str | None, causes: set[tuple[str, str]]
) -> None:
    body = definition(SCHEMA, group="test.k8s.io")
    if annotation is not None:
        body["metadata"]["annotations"] = {"api-approved.kubernetes.io": annotation}
    assert _causes(server, body) == causes


def test_a_default_may_be_empty(api_server: ApiServerInThread) -> None:
    """As in every schema made from a PodSpec: the name of an imagePullSecret, by which they are merged."""
    item = {"type": "object", "properties": {"name": {"type": "string", "default": ""}}}
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    made = created(api_server, DEFINITIONS, definition(_field(type="array", items=item, **keyed)))
    stored = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["x"]
    assert stored["items"]["properties"]["name"]["default"] == ""


def test_what_a_definition_does_not_say_is_filled_in(api_server: ApiServerInThread) -> None:
    answer = created(api_server, DEFINITIONS, definition(SCHEMA))
    names = {"plural": "things", "kind": "Thing", "singular": "thing", "listKind": "ThingList"}
    assert (answer["spec"]["names"], answer["spec"]["conversion"]) == (names, {"strategy": "None"})
    assert answer["status"] == {
        "conditions": None,
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": ["v1"],
    }
    status = read(api_server, f"{DEFINITIONS}/things.test.example.com")["status"]
    assert status["acceptedNames"] == names
    assert [(item["type"], item["status"], item["reason"]) for item in status["conditions"]] == [
        ("NamesAccepted", "True", "NoConflicts"),
        ("Established", "True", "InitialNamesAccepted"),
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"group": "other.example.com"}, "spec.group"),
        ({"scope": "Cluster"}, "spec.scope"),
        ({"names": {"kind": "Other"}}, "spec.names.kind"),
        ({"names": {"plural": "others"}}, "spec.names.plural"),
    ],
)
def test_what_says_where_objects_lie_cannot_change(api_server: ApiServerInThread, change: JSON, field: str) -> None:
    created(api_server, DEFINITIONS, definition(SCHEMA))
    status, answer = api_server.request("PATCH", f"{DEFINITIONS}/things.test.example.com", {"spec": change}, MERGE)
    assert status == 422, answer
    assert [(cause["reason"], cause["field"]) for cause in answer["details"]["causes"]] == [(INVALID, field)]


def test_a_version_that_was_stored_must_stay(api_server: ApiServerInThread) -> None:
    body = definition(SCHEMA)
    _second(body)
    created(api_server, DEFINITIONS, body)
    path = f"{DEFINITIONS}/things.test.example.com"
    first, second = copy.deepcopy(body["spec"]["versions"])
    moved = [{**first, "storage": False}, {**second, "storage": True}]
    assert api_server.request("PATCH", path, {"spec": {"versions": moved}}, MERGE)[0] == 200
    assert read(api_server, path)["status"]["storedVersions"] == ["v1", "v2"]
    status, answer = api_server.request("PATCH", path, {"spec": {"versions": moved[1:]}}, MERGE)
    assert (status, answer["details"]["causes"][0]["field"]) == (422, "status.storedVersions[0]")
    assert api_server.request("PATCH", f"{path}/status", {"status": {"storedVersions": ["v2"]}}, MERGE)[0] == 200
    assert api_server.request("PATCH", path, {"spec": {"versions": moved[1:]}}, MERGE)[0] == 200


def _warnings(server: ApiServerInThread, method: str, path: str, body: JSON | None = None) -> list[str]:
    with server.open(method, path, body, MERGE if method == "PATCH" else None) as response:
        return [value for name, value in response.getheaders() if name == "Warning"]


@pytest.mark.parametrize(
    ("says", "warning"),
    [
        ({}, "test.example.com/v1beta1 Thing is deprecated; use test.example.com/v1 Thing"),
        ({"deprecationWarning": "go away"}, "go away"),
    ],
)
def test_every_answer_of_a_deprecated_version_says_so(api_server: ApiServerInThread, says: JSON, warning: str) -> None:
    body = definition(SCHEMA)
    (first,) = body["spec"]["versions"]
    old = {**first, "name": "v1beta1", "storage": False, "deprecated": True, **says}
    body["spec"]["versions"] += [old, {**first, "name": "v1alpha1", "storage": False}]
    created(api_server, DEFINITIONS, body)
    things = "/apis/test.example.com/{}/namespaces/default/things"
    for method, path in (("GET", ""), ("GET", "/missing"), ("GET", "?watch=true&timeoutSeconds=1"), ("DELETE", "")):
        assert _warnings(api_server, method, things.format("v1beta1") + path) == [f'299 - "{warning}"']
        assert _warnings(api_server, method, things.format("v1") + path) == []


def test_the_oldest_deprecated_version_has_nothing_better(api_server: ApiServerInThread) -> None:
    body = definition(SCHEMA)
    body["spec"]["versions"][0]["deprecated"] = True
    created(api_server, DEFINITIONS, body)
    things = "/apis/test.example.com/v1/namespaces/default/things"
    assert _warnings(api_server, "GET", things) == ['299 - "test.example.com/v1 Thing is deprecated"']


def test_formats_that_nobody_checks_are_told_once(api_server: ApiServerInThread) -> None:
    texts = {"a": {"type": "string", "format": "fancy"}, "b": {"type": "string", "format": "date-time"}}
    schema = {"type": "object", "properties": {**texts, "c": {"type": "integer", "format": "int32"}}}
    body = definition(schema)
    assert _warnings(api_server, "POST", DEFINITIONS, body) == ['299 - "unrecognized format \\"fancy\\""']
    path = f"{DEFINITIONS}/things.test.example.com"
    assert _warnings(api_server, "PATCH", path, {"metadata": {"labels": {"a": "b"}}}) == []


def test_objects_of_a_version_that_is_not_served_go_with_their_definition(api_server: ApiServerInThread) -> None:
    body = definition(SCHEMA)
    path, things = f"{DEFINITIONS}/things.test.example.com", "/apis/test.example.com/v1/namespaces/default/things"
    created(api_server, DEFINITIONS, body)
    created(api_server, things, {"apiVersion": "test.example.com/v1", "kind": "Thing", "metadata": {"name": "a"}})
    hidden = [{**body["spec"]["versions"][0], "served": False}]
    assert api_server.request("PATCH", path, {"spec": {"versions": hidden}}, MERGE)[0] == 200
    assert api_server.request("GET", things)[0] == 404
    assert api_server.request("DELETE", path)[0] == 200
    eventually(lambda: api_server.request("GET", path)[0] == 404)
    created(api_server, DEFINITIONS, body)
    assert read(api_server, things)["items"] == []


def test_a_kind_waits_for_its_name(api_server: ApiServerInThread) -> None:
    created(api_server, DEFINITIONS, definition(SCHEMA))
    created(api_server, DEFINITIONS, definition(SCHEMA, plural="doings"))
    path = f"{DEFINITIONS}/doings.test.example.com"
    conditions = {item["type"]: item for item in read(api_server, path)["status"]["conditions"]}
    assert {name: (item["status"], item["reason"]) for name, item in conditions.items()} == {
        "NamesAccepted": ("False", "ListKindConflict"),
        "Established": ("False", "NotAccepted"),
    }
    assert api_server.request("GET", "/apis/test.example.com/v1/namespaces/default/doings")[0] == 404
    api_server.request("DELETE", f"{DEFINITIONS}/things.test.example.com")
    gone(api_server, f"{DEFINITIONS}/things.test.example.com")
    assert api_server.request("GET", "/apis/test.example.com/v1/namespaces/default/doings")[0] == 200
