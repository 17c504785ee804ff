"""``python3 -m footplate_runtime.record``: the recorder's command. Exit 0 when run.json says what the operator says,
1 when the store did not take it, 2 for bad orders; the termination message is the sentence why.

It tries until it is stopped or for so long as it is told: the operator does not wait for ever either.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from footplate_runtime import contract
from footplate_runtime.record.recorder import InvalidVerdict, Verdict, write
from footplate_runtime.retry import Retry
from footplate_runtime.store import InvalidStore, StoreError, open_store


def main(env: Mapping[str, str]) -> int:
    """Write the record; returns the exit code."""
    try:
        verdict = Verdict.parse(env.get(contract.ENV_RECORD) or "")
        store = open_store(verdict.run_uri, env=env, **verdict.store_settings._asdict())
    except (InvalidVerdict, InvalidStore) as error:
        return _say(env, str(error), 2)
    log = partial(print, flush=True)
    retry = Retry(time.monotonic, time.sleep, random.random, log, verdict.seconds, errors=(StoreError,))
    try:
        retry(lambda: write(store, verdict))
    except StoreError as error:
        return _say(env, str(error), 1)
    return _say(env, f"{store.uri}run.json says {verdict.told.get('phase')}.", 0)


def _say(env: Mapping[str, str], sentence: str, code: int) -> int:
    print(sentence, flush=True)
    path = Path(env.get(contract.ENV_TERMINATION_LOG) or contract.DEFAULT_TERMINATION_LOG)
    try:
        path.write_text(sentence)
    except OSError as error:
        print(f"The termination message {path} cannot be written: {error.strerror}.", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(os.environ))
