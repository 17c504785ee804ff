"""Fields that a body has twice are told to those who ask for it."""

from __future__ import annotations

import http.client
import json
import ssl

import pytest
from api_objects import CONFIG_MAPS, config_map, created
from api_server import ApiServerInThread

from footplate_local.apiserver.http.duplicates import problems

JSON_TYPE, YAML = "application/json", "application/yaml"
MERGE, OPERATIONS, APPLY = (
    "application/merge-patch+json",
    "application/json-patch+json",
    "application/apply-patch+yaml",
)


@pytest.mark.parametrize(
    ("raw", "media", "texts"),
    [
        (b'{"a":1,"b":{"a":2}}', JSON_TYPE, []),
        (b'{"a":1,"a":2}', JSON_TYPE, ['duplicate field "a"']),
        (b'{"a":1,"a":2,"a":3}', JSON_TYPE, ['duplicate field "a"']),
        (b'{"s":{"l":[{},{"x":1,"x":1}]}}', JSON_TYPE, ['duplicate field "s.l[1].x"']),
        (b'{"a":' + b"9" * 4500 + b',"a":1e999}', MERGE, ['duplicate field "a"']),
        (b'[{"op":"remove","path":"/a","path":"/b"}]', OPERATIONS, ['json patch duplicate field "[0].path"']),
        (b'[{"op":"remove","path":"/a","way":1}]', OPERATIONS, ['json patch unknown field "[0].way"']),
        (b"a: 1\nb: {a: 1}\n", YAML, []),
        (b"a: &x {b: 1}\nc: [*x, *x]\n", YAML, []),
        (
            b"s:\n  a: 1\n  a: 2\ns: 3\n",
            YAML,
            ['yaml: unmarshal errors:\n  line 3: key "a" already set in map\n  line 4: key "s" already set in map'],
        ),
        (b"  ", JSON_TYPE, []),
    ],
)
def test_what_is_found(raw: bytes, media: str, texts: list[str]) -> None:
    assert problems(raw, media) == texts


BODY = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"},"data":{"k":"1","k":"2"}}'


@pytest.mark.parametrize(
    ("method", "path", "media", "body", "strict", "warning"),
    [
        ("POST", "", JSON_TYPE, BODY, 400, 'duplicate field \\"data.k\\"'),
        ("PUT", "/b", JSON_TYPE, BODY, 400, 'duplicate field \\"data.k\\"'),
        ("PATCH", "/b", MERGE, b'{"data":{"k":"1","k":"2"}}', 422, 'duplicate field \\"data.k\\"'),
        ("PATCH", "/b", APPLY, BODY, 400, "error converting YAML to JSON: yaml: unmarshal errors:"),
    ],
)
def test_the_last_one_counts(
    api_server: ApiServerInThread, method: str, path: str, media: str, body: bytes, strict: int, warning: str
) -> None:
    if method != "POST":
        created(api_server, CONFIG_MAPS, config_map("b"))
    context = ssl.create_default_context(cafile=api_server.certificate)
    for validation, wanted in (("Strict", strict), ("Ignore", 0), ("Warn", 0)):
        connection = http.client.HTTPSConnection("127.0.0.1", api_server.server.port, context=context, timeout=20)
        headers = {"Authorization": f"Bearer {api_server.token}", "Content-Type": media}
        dry = f"{CONFIG_MAPS}{path}?dryRun=All&force=true&fieldManager=me&fieldValidation={validation}"
        if media != APPLY:
            dry = dry.replace("&force=true", "")
        connection.request(method, dry, body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        assert response.status == (wanted or (201 if method == "POST" else 200)), answer
        warnings = response.headers.get("Warning", "")
        assert warnings.startswith(f'299 - "{warning}') if validation == "Warn" else not warnings
        if not wanted:
            assert answer["data"] == {"k": "2"}
