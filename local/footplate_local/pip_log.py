"""What pip says, line by line, and from it one sentence for a person: why it failed.

pip ends a build of a package that fails with a box, in all versions since 22 (here of 26.3):

      × Building wheel for tiny (pyproject.toml) did not run successfully.
      │ exit code: 1
      ╰─> [10 lines of output]
          tiny.c:1:10: fatal error: mpi.h: No such file or directory
          error: command '/usr/bin/gcc' failed with exit code 1
          [end of output]

The package is the one of the last "Collecting …", "Processing …" or "Building wheel for …" before it. Everything else
that it gives up on is a line ``ERROR: …``, the last of them the most telling.
"""

from __future__ import annotations

import re
from collections import deque

LAST_LINES = 20
_HEADLINE = re.compile(r"\s+× (?P<step>.+) did not run successfully\.$")
_BOX_ENDS = "[end of output]"
_SUBJECT = re.compile(r"\s*(?:Collecting|Processing|Building wheel for) (?:\S*/)?(?P<package>[\w.-]+)")
# The first complaint of a compiler or of CMake: what follows it is mostly because of it.
_COMPILER = re.compile(r":\d+: (?:fatal )?error: |^CMake Error: ")
_CMAKE = re.compile(r"^CMake Error at ")  # the sentence itself is on a line below
_POINTER = "ERROR: ResolutionImpossible: for help visit "  # after the line that says what does not fit
_OF_NO_USE = re.compile(r"\s*(?:note: |hint: |$)")


class PipLog:
    """Takes every line in turn."""

    def __init__(self) -> None:
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._error = ""
        self._step = ""
        self._in_box = False
        self._compiler = ""
        self._cmake = False
        self._box_last = ""
        self._package = ""  # the one at hand
        self._failed_package = ""

    def add(self, line: str) -> None:
        if not _OF_NO_USE.match(line):
            self._last.append(line)
        if line.startswith("ERROR: ") and not line.startswith(_POINTER):
            self._error = line.removeprefix("ERROR: ")
        elif self._in_box:
            self._add_to_box(line.strip())
        elif found := _HEADLINE.match(line):
            self._step, self._failed_package, self._in_box = found["step"], self._package, True
            self._compiler, self._cmake, self._box_last = "", False, ""
        elif found := _SUBJECT.match(line):
            self._package = found["package"]

    def _add_to_box(self, line: str) -> None:
        if line == _BOX_ENDS:
            self._in_box = False
        elif not line:
            return
        elif self._cmake and not self._compiler:
            self._compiler = f"CMake Error: {line}"
        elif not self._compiler and _COMPILER.search(line):
            self._compiler = line
        else:
            self._cmake = self._cmake or bool(_CMAKE.match(line))
            self._box_last = line

    @property
    def last_lines(self) -> list[str]:
        return list(self._last)

    @property
    def cause(self) -> str:
        """Empty when pip has named none."""
        if not self._step:
            return self._error
        named = not self._failed_package or self._failed_package in self._step
        package = "" if named else f" of {self._failed_package}"
        return f"{self._step}{package} did not run successfully: {self._compiler or self._box_last}"
