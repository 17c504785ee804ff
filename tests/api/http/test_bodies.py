"""What is sent as a body is either refused or becomes a value that can be stored and sent again."""

from __future__ import annotations

from typing import Any

import pytest

from footplate_local.apiserver.errors import StatusError
from footplate_local.apiserver.http.bodies import DEEPEST, from_json, from_yaml
from footplate_local.apiserver.storage.model import encode, whole_numbers

LAUGHS = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 10)) for name in range(ord("b"), ord("j"))
)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a":1,"b":1.5,"c":[true,null]}', {"a": 1, "b": 1.5, "c": [True, None]}),
        (b'{"a":"\\ud83d\\ude00 \\ud800 \\udc00x"}', {"a": "😀 � �x"}),
        (b'{"\\ud800":1}', {"�": 1}),
        (b'{"a":"\xff\xed\xa0\x80"}', {"a": "����"}),
        (b'{"a":9223372036854775807}', {"a": 2**63 - 1}),
        (b'{"a":-9223372036854775809}', {"a": float(-(2**63))}),
        (b'{"a":' + b"1" * 100 + b"}", {"a": float("1" * 100)}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"[" * DEEPEST + b"]" * DEEPEST, None),
    ],
)
def test_json(raw: bytes, value: Any) -> None:
    decoded = from_json(raw)
    encode(decoded)
    assert value is None or decoded == value


def test_whole_numbers_are_kept_without_a_point() -> None:
    kept = whole_numbers({"a": [1.0, 1.5, 1e300], "b": {"c": -3e3}, "d": True})
    assert encode(kept) == b'{"a":[1,1.5,1e+300],"b":{"c":-3000},"d":true}'


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"{'a': 1}",
        b"NaN",
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 3_000_000,
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(StatusError) as raised:
        from_json(raw)
    assert raised.value.code == 400


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"a: 1\nb: 1.5\nc: [yes, ~]\nd: '1'", {"a": 1, "b": 1.5, "c": [True, None], "d": "1"}),
        (b"7: a\ntrue: b\n2.5: c", {"7": "a", "true": "b", "2.5": "c"}),
        (b"a: 2026-01-02\nb: 2026-01-02T03:04:05Z", {"a": "2026-01-02", "b": "2026-01-02T03:04:05Z"}),
        (b"a: 22:22\nb: 1e3\nc: 0x1f\nd: 0o17\ne: 0.5", {"a": "22:22", "b": 1000.0, "c": 31, "d": 15, "e": 0.5}),
        (b"a: !!binary aGk=", {"a": "hi"}),
        (b"a: &x {b: 1}\nc: *x\nd: {<<: *x}", {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1}}),
        (b"a: 99999999999999999999", {"a": 1e20}),
        (b'{"a": 1}', {"a": 1}),
    ],
)
def test_yaml(raw: bytes, value: Any) -> None:
    decoded = from_yaml(raw)
    encode(decoded)
    assert decoded == value


@pytest.mark.parametrize(
    "raw",
    [
        LAUGHS,
        b"a: &a\n  b: *a\n",
        b"a: .nan",
        b"a: -.inf",
        b"? [a, b]\n: c\n",
        b"? ~\n: c\n",
        b"a: !!set {x}",
        b"a: !!python/object/apply:os.getcwd []",
        b"a: *unknown",
        b"a: 1\n---\nb: 2\n",
        b"a: b: c",
        b"a: [",
        b'a: "\\ud800"',
        b"\x00",
        b"a: 08_x: 1: ",
        b"[" * 100_000,
        b"- " * 100_000,
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_what_cannot_be_json_is_refused_as_yaml(raw: bytes) -> None:
    with pytest.raises(StatusError) as raised:
        from_yaml(raw)
    assert raised.value.code == 400
