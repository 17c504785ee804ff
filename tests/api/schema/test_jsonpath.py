"""JSONPath as printer columns use it."""

from __future__ import annotations

from typing import Any

import pytest

from footplate_local.apiserver.schema.jsonpath import BadPath, find, parse

OBJECT = {
    "metadata": {"annotations": {"a.b/c": "x"}},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Done", "status": "False"}],
        "metrics": {"loss": {"value": 0.5}, "accuracy": {"value": 0.9}},
        "list": [1, 2, 3],
    },
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".status.list", [[1, 2, 3]]),
        ("{.status.list[0]}", [1]),
        (".status.list[-1]", [3]),
        (".status.list[9]", []),
        (".status.list[*]", [1, 2, 3]),
        ('.status.conditions[?(@.type=="Done")].status', ["False"]),
        (".status.conditions[?(@.type!='Done')].status", ["True"]),
        (".metadata.annotations['a.b/c']", ["x"]),
        (r".metadata.annotations.a\.b/c", ["x"]),
        (".status.metrics.*.value", [0.5, 0.9]),
        (".status.missing.deeper", []),
    ],
)
def test_it_finds(path: str, found: list[Any]) -> None:
    assert find(OBJECT, path) == found


@pytest.mark.parametrize("path", [".a[", ".a[?(@.b)]", ".a..b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(BadPath, match="cannot read"):
        parse(path)
