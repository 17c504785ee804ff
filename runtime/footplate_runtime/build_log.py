"""``python3 -m footplate_runtime.build_log``: the sidecar of a build that brings its log to the store at its end.

The build itself runs what packages and Dockerfiles tell it to and never sees the store's keys; so it leaves its log in
a file, and this container, which has them, takes it from there when the kubelet says that the build is over. A log
that cannot be stored is told and costs the build nothing: the exit code is 0 or 1, and a sidecar's does not count.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from functools import partial

from footplate_runtime import contract
from footplate_runtime.retry import Retry
from footplate_runtime.store import InvalidStore, Store, StoreError, StoreSettings, open_store
from footplate_runtime.store.base import file_blocks

PATIENCE_SECONDS = 20.0  # the pod has Kubernetes' 30 s
_STOP = {signal.SIGTERM, signal.SIGINT}


def main() -> int:
    """Wait for the end of the build, then store its log; returns the exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    signal.sigwait(_STOP)
    try:
        store, key = _target(os.environ)
        return int(not _bring(store, key, os.environ[contract.ENV_BUILD_LOG]))
    except (InvalidStore, ValueError, KeyError, TypeError) as error:
        print(f"The build log is not stored ({type(error).__name__}: {error}).", flush=True)
        return 1


def _target(env: Mapping[str, str]) -> tuple[Store, str]:
    """The folder of the environment and the key in it."""
    told = json.loads(env[contract.ENV_BUILD_STORE])
    folder, _, key = str(told["uri"]).rpartition("/")
    return open_store(f"{folder}/", env=env, **StoreSettings.parse(told)._asdict()), key


def _bring(store: Store, key: str, path: str) -> bool:
    """Whether the log is in the store; one that the build did not write is not missed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        print(f"There is no build log ({error.strerror}).", flush=True)
        return True
    log = partial(print, flush=True)
    size = os.fstat(fd).st_size
    try:
        retry = Retry(time.monotonic, time.sleep, random.random, log, PATIENCE_SECONDS)
        retry(lambda: store.put_stream(key, file_blocks(fd, 0, size), size))
    except StoreError as error:
        log(error)
        return False
    finally:
        os.close(fd)
    log(f"{size} bytes of the build log are in {store.uri}{key}")
    return True


if __name__ == "__main__":
    sys.exit(main())
