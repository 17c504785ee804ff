"""Reads from the end of a program's output what went wrong, in one sentence, and what the user sees of it.

Everything here is pure: bytes of the console in, text out.
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LAST_LINES = 20
LINE_LENGTH = 500  # characters

# ECMA-48 control sequences (colours, cursor), operating system commands (titles, links), two-byte escapes.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_TRACEBACK = "Traceback (most recent call last):"
_BEFORE_MAIN = re.compile(r"(?:SyntaxError|IndentationError|TabError): |.*: No module named \S+$")
_EXCEPTION = re.compile(r"[A-Za-z_][\w.<>]*(?:: |$)")
_OWN = "footplate: "
_TORCHRUN_SUMMARY = "ChildFailedError"


def lines_of(tail: bytes) -> "list[str]":
    """The lines as a terminal would show them: no colours, of a progress bar its last state, no trailing blanks."""
    lines = []
    for line in tail.decode("utf-8", "replace").split("\n"):
        shown = [part for part in _ANSI.sub("", line).split("\r") if part.strip()]
        lines.append(_CONTROL.sub("", shown[-1]).rstrip() if shown else "")
    while lines and not lines[-1]:
        lines.pop()
    return lines


def last_lines(lines: "Sequence[str]") -> "list[str]":
    """At most the last 20 lines, each cut at 500 characters."""
    return [cut(line, LINE_LENGTH) for line in lines[-LAST_LINES:]]


def cut(text: str, length: int) -> str:
    """The text with at most ``length`` characters, its loss shown."""
    return text if len(text) <= length else text[: length - 1] + "…"


def error_in(lines: "Sequence[str]") -> "str | None":
    """The last line of the last traceback, or of an error that Python reports without one."""
    for start in range(len(lines) - 1, -1, -1):
        before, marker, _ = lines[start].partition(_TRACEBACK)
        if marker:
            error = _end_of_traceback(lines[start + 1 :], before)
            # torchrun's own traceback says only that some worker failed; the worker's stands above it.
            if error and _TORCHRUN_SUMMARY not in error:
                return cut(error, LINE_LENGTH)
    if lines and _BEFORE_MAIN.match(lines[-1]):
        return cut(lines[-1], LINE_LENGTH)
    return None


def _end_of_traceback(lines: "Sequence[str]", before: str) -> "str | None":
    """The first line that names an exception, or else the first that is not indented: words of other processes may
    stand among the traceback's own.

    What stood ``before`` the traceback's head is a prefix of every line (``[rank0]: `` of torch, ``  | `` of an
    exception group), or the unfinished line of a progress bar.
    """
    prefix = before if lines and lines[0].startswith(before) else ""
    texts = [line[len(prefix) :] for line in lines if line.startswith(prefix)]
    ends = [text for text in texts if text and not text[0].isspace()]
    for text in ends:
        if _EXCEPTION.match(text) and not text.startswith(_OWN):
            return text
    return ends[0] if ends else None
