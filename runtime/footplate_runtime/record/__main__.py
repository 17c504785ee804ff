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
from pathlib import Path

from footplate_runtime import contract
from footplate_runtime.record.recorder import InvalidVerdict, Verdict, write
from footplate_runtime.store import InvalidStore, StoreError, open_store

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0


def main(env: Mapping[str, str]) -> int:
    """Write the record; returns the exit code."""
    try:
        verdict = Verdict.parse(env.get(contract.ENV_RECORD) or "")
        store = open_store(verdict.run_uri, env=env, **verdict.store_settings._asdict())
    except (InvalidVerdict, InvalidStore) as error:
        return _say(env, str(error), 2)
    deadline, pause = time.monotonic() + verdict.seconds, _FIRST_PAUSE
    while True:
        try:
            write(store, verdict)
        except StoreError as error:
            if time.monotonic() + pause > deadline:
                return _say(env, str(error), 1)
            print(f"{error} Trying again in {pause:.1f} s.", flush=True)
            time.sleep(pause * (0.5 + random.random() / 2))
            pause = min(_LONGEST_PAUSE, pause * 2)
        else:
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
