"""What is hidden of Secrets, however the output is cut into pieces."""

from __future__ import annotations

import base64
import json
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footplate_run.masking import MASK, SHORTEST, MaskedStream, Secrets, patterns_of, read_secrets

LETTERS = st.sampled_from([b"a", b"b", b"c", b"\n", b"\xff"])
PATTERNS = st.lists(
    st.lists(st.sampled_from([b"a", b"b", b"c"]), min_size=2, max_size=7).map(b"".join), min_size=1, max_size=4
)


@st.composite
def outputs(draw: st.DrawFn, patterns: list[bytes]) -> list[bytes]:
    """Pieces of an output in which the patterns stand often, whole, cut and overlapping."""
    parts = draw(st.lists(st.one_of(LETTERS, st.sampled_from(patterns)), max_size=30))
    whole = b"".join(parts)
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


def masked(whole: bytes, patterns: list[bytes]) -> bytes:
    """By the definition: every byte of every occurrence goes; what overlaps is one secret."""
    spans = sorted(
        (i, i + len(p)) for p in set(patterns) for i in range(len(whole) - len(p) + 1) if whole.startswith(p, i)
    )
    shown, end = b"", 0
    for start, stop in spans:
        if start >= end:
            shown += whole[end:start] + MASK
        end = max(end, stop)
    return shown + whole[end:]


@given(st.data(), PATTERNS)
def test_the_pieces_do_not_matter(data: st.DataObject, patterns: list[bytes]) -> None:
    pieces = data.draw(outputs(patterns))
    stream, shown = MaskedStream(patterns), []
    for piece in pieces:
        shown.append(stream.feed(piece))
        so_far = b"".join(pieces[: len(shown)])
        assert len(stream._held) < max(map(len, patterns)), "no more waits than the beginning of one secret"
        assert not so_far.endswith(b"\n") or not stream._held, "whole lines never wait"
    shown.append(stream.finish())
    whole = b"".join(pieces)
    assert b"".join(shown) == masked(whole, patterns)
    assert not any(pattern in b"".join(shown) for pattern in patterns)


@given(st.lists(st.binary(max_size=50)), st.lists(st.binary(min_size=40), min_size=1, max_size=3))
def test_what_holds_no_secret_is_not_changed(pieces: list[bytes], values: list[bytes]) -> None:
    stream = Secrets(values).stream()
    if stream is None:
        return
    whole = b"".join(pieces)
    if not any(pattern in whole for pattern in patterns_of(values)):
        assert b"".join([stream.feed(piece) for piece in pieces] + [stream.finish()]) == whole


VALUE = 'p4ss"wörd+/\\%xÿþ~?>'
FORMS = {
    "as it is": VALUE,
    "in base64": base64.b64encode(VALUE.encode()).decode(),
    "in base64 of an Authorization header": base64.b64encode(f"ada:{VALUE}".encode()).decode()[4:-1],
    "in base64 for a url": base64.urlsafe_b64encode(VALUE.encode()).decode().rstrip("="),
    "in a url": urllib.parse.quote(VALUE, safe=""),
    "in JSON": json.dumps(VALUE)[1:-1],
    "in JSON with its letters": json.dumps(VALUE, ensure_ascii=False)[1:-1],
    "in a dict that was printed": repr({"key": VALUE})[9:-2],
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms_of_a_value(form: str) -> None:
    shown = Secrets([VALUE.encode()]).text(f"before {form} after")
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert MASK.decode() in shown
    assert form[4:-4] not in shown


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "ada:"])
def test_base64_within_something_longer(before: str) -> None:
    value = "s3cret-t0ken-of-ada"
    encoded = base64.b64encode(f"{before}{value}@host".encode()).decode()
    shown = Secrets([value.encode()]).text(f"Authorization: Basic {encoded}")
    assert "***" in shown
    assert len(shown) < len("Authorization: Basic ***") + 18


def test_each_line_of_a_file() -> None:
    key = b"-----BEGIN KEY-----\r\nMIIEvQIBADAN\nshort\n  indented-line-of-it \n"
    shown = Secrets([key]).text("x MIIEvQIBADAN y\nshort stays\n  indented-line-of-it\n")
    assert shown == "x *** y\nshort stays\n  ***\n"


@pytest.mark.parametrize(("value", "hidden"), [("12345", False), ("123456", True), ("", False), ("\n\n", False)])
def test_short_values_are_no_secrets(value: str, hidden: bool) -> None:
    assert ("***" in Secrets([value.encode()]).text("12345 123456 \n\n")) is hidden
    assert SHORTEST == 6


def test_without_secrets_there_is_no_stream() -> None:
    assert Secrets([b"", b"a"]).stream() is None
    assert Secrets().text("a") == "a"


def test_where_the_values_come_from(tmp_path: Path) -> None:
    mounted = tmp_path / "secrets/0"
    (mounted / "..data").mkdir(parents=True)
    (mounted / "..data/API_KEY").write_text("from-a-mount\n")
    (mounted / "API_KEY").symlink_to("..data/API_KEY")
    (mounted / "GONE").symlink_to("..data/GONE")
    said: list[str] = []
    environment = {"TOKEN": "from-a-variable", "PLAIN": "plain-value", "FOOTPLATE_SECRET_VARIABLES": '["TOKEN", "NO"]'}
    secrets = read_secrets(environment, str(tmp_path), said.append)
    assert secrets.text("from-a-mount from-a-variable plain-value") == "*** *** plain-value"
    assert said == [
        f"{mounted}/GONE cannot be read: No such file or directory; its value is not hidden in the log",
    ]


def test_too_many_lines_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    many = "".join(f"line-{i:06d}-of-a-bundle\n" for i in range(1000))
    environment = {"A": many, "B": "the-password-itself", "FOOTPLATE_SECRET_VARIABLES": '["A", "B"]'}
    secrets = read_secrets(environment, str(tmp_path), said.append)
    assert secrets.text("the-password-itself line-000001-of-a-bundle") == "*** ***", "passwords go before files"
    assert len(said) == 1
    assert said[0].startswith("the Secrets of this job have too many lines: the last ")
