"""Hides the values of Secrets in what the program prints: ``***`` stands in their place.

Hidden are, of every value that the program's environment has from a Secret, each line of at least six bytes, and the
forms in which programs print such a value by accident: base64 (also within something longer, as in an Authorization
header), percent-encoded, and quoted as by JSON or Python's repr.
"""

import binascii
import json
import os

from footplate_run import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

MASK = b"***"
SHORTEST = 6  # bytes; hiding every "1" or "true" would hide the log, and such a value is no secret
MOST = 500  # patterns; each is looked for in all that is printed

_URL_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, 2.3


class Secrets:
    """What to hide. Empty, it costs nothing: ``stream`` is None."""

    def __init__(self, values: "Iterable[bytes]" = ()) -> None:
        found = patterns_of(values)
        self.left_out = len(found[MOST:])
        self._patterns = found[:MOST]

    def stream(self) -> "MaskedStream | None":
        """A mask for one stream of bytes."""
        return MaskedStream(self._patterns) if self._patterns else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        stream = self.stream()
        if stream is None:
            return text
        data = text.encode("utf-8", "surrogateescape")
        return (stream.feed(data) + stream.finish()).decode("utf-8", "surrogateescape")


class MaskedStream:
    """Bytes in, the same bytes without secrets out, wherever the pieces are cut.

    Only what may be the beginning of a secret waits for what comes next, and never across the end of a line.
    """

    __slots__ = ("_held", "_hidden", "_patterns")

    def __init__(self, patterns: "Sequence[bytes]") -> None:
        self._patterns = patterns
        self._held = b""
        self._hidden = 0  # so many first bytes of _held are part of a secret whose mask was given

    def feed(self, data: bytes) -> bytes:
        """What may be shown now."""
        data = self._held + data
        return self._show(data, _may_begin(data, self._patterns))

    def finish(self) -> bytes:
        """What was held back, at the end of the stream."""
        return self._show(self._held, len(self._held))

    def _show(self, data: bytes, end: int) -> bytes:
        """The first ``end`` bytes, masked; the rest is held."""
        shown = []
        told = self._hidden
        for start, stop in _spans(data, self._patterns):
            if start >= end:
                break
            if start >= told:
                shown += [data[told:start], MASK]
            told = max(told, stop)
        shown.append(data[told:end])
        self._held = data[end:]
        self._hidden = max(0, told - end)
        return b"".join(shown)


def patterns_of(values: "Iterable[bytes]") -> "list[bytes]":
    """All that is looked for, each once; of values with few lines first: they are passwords rather than files."""
    found = {}  # type: dict[bytes, None]
    for value in sorted(values, key=lambda value: (value.count(b"\n"), value)):
        value = value.strip()
        for line in value.splitlines():
            found[line.strip()] = None
        for form in _forms(value):
            found[form] = None
    return [pattern for pattern in found if len(pattern) >= SHORTEST and b"\n" not in pattern]


def read_secrets(environment: "Mapping[str, str]", root: str, warn: "Callable[[str], None]") -> Secrets:
    """The values that the operator says are from Secrets; what cannot be hidden is told."""
    values = [
        environment[name] for name in _names(environment.get(layout.ENV_SECRET_VARIABLES, "")) if name in environment
    ]
    found = [value.encode("utf-8", "surrogateescape") for value in values]
    folder = os.path.join(root, layout.SECRETS)
    for path in _files(folder):
        try:
            with open(path, "rb") as file:
                found.append(file.read())
        except OSError as problem:
            warn("{} cannot be read: {}; its value is not hidden in the log".format(path, problem.strerror))
    secrets = Secrets(found)
    if secrets.left_out:
        warn("the Secrets of this job have too many lines: the last {} are not hidden".format(secrets.left_out))
    return secrets


def _names(text: str) -> "list[str]":
    try:
        names = json.loads(text)
    except ValueError:
        return []
    return names if isinstance(names, list) else []


def _files(folder: str) -> "Iterator[str]":
    """The keys of mounted Secrets; names with two dots are the kubelet's own (Kubernetes: Secret volumes)."""
    try:
        for secret in sorted(os.listdir(folder)):
            for key in sorted(os.listdir(os.path.join(folder, secret))):
                if not key.startswith(".."):
                    yield os.path.join(folder, secret, key)
    except OSError:
        return  # none is mounted


def _forms(value: bytes) -> "Iterator[bytes]":
    """How a value looks when a program has encoded it."""
    yield b"".join(bytes([byte]) if byte in _URL_SAFE else b"%%%02X" % byte for byte in value)
    text = value.decode("utf-8", "replace")
    for quoted in (json.dumps(text), json.dumps(text, ensure_ascii=False), repr(text)):
        yield quoted[1:-1].encode("utf-8", "replace")
    for before in range(3):  # base64 has four characters for three bytes: how it looks depends on where it begins
        encoded = binascii.b2a_base64(b"\0" * before + value, newline=False).rstrip(b"=")
        open_end = (before + len(value)) % 3 != 0  # the last character also depends on what follows
        encoded = encoded[(0, 2, 3)[before] : -1 if open_end else None]
        yield encoded
        yield encoded.replace(b"+", b"-").replace(b"/", b"_")


def _may_begin(data: bytes, patterns: "Sequence[bytes]") -> int:
    """Where the first pattern may begin that ends behind the data; the data's length when none may."""
    first = len(data)
    line = data.rfind(b"\n") + 1  # no pattern has a line's end in it
    if line == first:
        return first
    for pattern in patterns:
        start = max(line, len(data) - len(pattern) + 1)
        while True:
            start = data.find(pattern[:1], start, first)
            if start < 0:
                break
            if pattern.startswith(data[start:]):
                first = start
                break
            start += 1
    return first


def _spans(data: bytes, patterns: "Sequence[bytes]") -> "list[tuple[int, int]]":
    """[start, stop) of everything that matches, also of what overlaps, by start."""
    spans = []
    for pattern in patterns:
        start = data.find(pattern)
        while start >= 0:
            spans.append((start, start + len(pattern)))
            start = data.find(pattern, start + 1)
    spans.sort()
    return spans
