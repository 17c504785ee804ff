"""``python3 -m footplate_runtime.fetch``: exit 0 with the tree ready, 1 with the reason in the termination message."""

from __future__ import annotations

import os
import random
import sys
import time

from footplate_runtime import contract
from footplate_runtime.fetch.errors import FetchError, InputUnavailable, SourceUnavailable, Unreachable
from footplate_runtime.fetch.fetch import fetch
from footplate_runtime.fetch.report import failure, message
from footplate_runtime.files import write_termination_message
from footplate_runtime.orders import InvalidOrders, Orders, Place
from footplate_runtime.own_log import OwnLog
from footplate_runtime.retry import Retry
from footplate_runtime.store import StoreError, StoreUnavailable


def main() -> int:
    """Fetch for the replica that the environment names; returns the exit code."""
    try:
        place = Place.from_env(os.environ)
    except InvalidOrders as error:
        print(error, file=sys.stderr)
        return 1
    log = OwnLog(place.root / contract.FETCH_LOG, time.time)
    try:
        (place.root / contract.STATE).mkdir(parents=True, exist_ok=True)
        orders = Orders.load(place.root)
        retry = Retry(time.monotonic, time.sleep, random.random, log, errors=(Unreachable, StoreUnavailable))
        said, code = message(fetch(place, orders, os.environ, retry)), 0
    except FetchError as error:
        said, code = _told(error, log), 1
        _store_log(place, orders)
    except InvalidOrders as error:
        said, code = _told(SourceUnavailable(str(error)), log), 1
    except OSError as error:  # a full disk, a folder without rights
        said, code = _told(InputUnavailable(f"{error.filename} cannot be written: {error.strerror}."), log), 1
    try:
        write_termination_message(place.termination_log, said)
    except OSError as error:
        print(f"The termination message {error.filename} cannot be written: {error.strerror}.", file=sys.stderr)
    return code


def _told(error: FetchError, log: OwnLog) -> bytes:
    log(f"{error.reason}: {error}")
    return failure(error)


def _store_log(place: Place, orders: Orders) -> None:
    """Where fetch fails there will be no agent to bring its log to the store."""
    key = contract.own_log_keys(place.attempt, place.log_name)[contract.FETCH_LOG]
    try:
        store = orders.open_store(os.environ)
        store.put(key, (place.root / contract.FETCH_LOG).read_bytes())
    except (StoreError, OSError) as error:
        print(f"This log is not in the store: {error}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
