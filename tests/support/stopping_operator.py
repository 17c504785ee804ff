"""The operator, which stops itself (SIGSTOP) right before the first byte of a certain write goes to the socket.

Run as `python stopping_operator.py METHOD PATH --config …`: the first request whose method is METHOD and whose path
matches the regular expression PATH is the one. That is after its last look at the fence: aiohttp has nothing more to do
than to hand the bytes over. With TEST_NO_HARD_STOP in the environment its hard stop is taken away.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from typing import Any

from aiohttp.http_writer import StreamWriter

from footplate import __main__ as operator

STOPPED = "stopped before"
NO_HARD_STOP = "TEST_NO_HARD_STOP"


class Never:
    """In the place of the hard stop."""

    def within(self, seconds: float) -> None: ...

    def disarm(self) -> None: ...


def stop_before(method: str, path: str) -> None:
    wanted = re.compile(rf"{method} {path} HTTP/1.1\r\n".encode())
    hand_over = StreamWriter._send_headers_with_payload
    left = [1]

    def stopping(self: StreamWriter, *arguments: Any) -> None:
        if left[0] and wanted.match(self._headers_buf or b""):
            left[0] -= 1
            sys.stderr.write(f"{STOPPED} {method} {path}\n")
            os.kill(os.getpid(), signal.SIGSTOP)
        hand_over(self, *arguments)

    StreamWriter._send_headers_with_payload = stopping  # type: ignore[method-assign]


if __name__ == "__main__":
    stop_before(*sys.argv[1:3])
    del sys.argv[1:3]
    if NO_HARD_STOP in os.environ:
        operator.HardStop = Never  # type: ignore[misc,assignment]
    sys.exit(operator.main())
