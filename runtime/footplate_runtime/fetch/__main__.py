"""``python3 -m footplate_runtime.fetch``: exit 0 with the tree ready, 1 with the reason in the termination message."""

from __future__ import annotations

import os
import random
import sys
import time

from footplate_runtime.fetch.errors import FetchError, InputUnavailable, SourceUnavailable
from footplate_runtime.fetch.fetch import fetch
from footplate_runtime.fetch.report import failure, message
from footplate_runtime.fetch.retry import Retry
from footplate_runtime.files import write_termination_message
from footplate_runtime.orders import InvalidOrders, Orders, Place


def main() -> int:
    """Fetch for the replica that the environment names; returns the exit code."""
    try:
        place = Place.from_env(os.environ)
    except InvalidOrders as error:
        print(error, file=sys.stderr)
        return 1
    try:
        orders = Orders.load(place.root)
        retry = Retry(time.monotonic, time.sleep, random.random, _log)
        said, code = message(fetch(place, orders, os.environ, retry)), 0
    except FetchError as error:
        said, code = _told(error), 1
    except InvalidOrders as error:
        said, code = _told(SourceUnavailable(str(error))), 1
    except OSError as error:  # a full disk, a folder without rights
        said, code = _told(InputUnavailable(f"{error.filename} cannot be written: {error.strerror}.")), 1
    try:
        write_termination_message(place.termination_log, said)
    except OSError as error:
        print(f"The termination message {error.filename} cannot be written: {error.strerror}.", file=sys.stderr)
    return code


def _told(error: FetchError) -> bytes:
    print(f"{error.reason}: {error}", file=sys.stderr)
    return failure(error)


def _log(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
