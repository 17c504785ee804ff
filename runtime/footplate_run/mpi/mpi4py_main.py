"""``python -m mpi4py`` that tells of a failure: an exception makes mpi4py abort all ranks at the interpreter's exit.

The abort may end this rank together with what watches it (``rank.py``) before either has said a word, as MPICH's daemon
does now and then. So this rank says itself that it was the one, before it aborts.
"""

import importlib
import os
import time

from footplate_run.mpi.folder import ENV_FOLDER
from footplate_run.mpi.rank import BY_ITSELF, rank_of, tell


def main() -> None:
    """Runs the program in ``sys.argv[1:]`` as ``python -m mpi4py`` would."""
    run = importlib.import_module("mpi4py.run")  # the image's, not ours
    try:
        run.main()
    except KeyboardInterrupt:
        raise  # it was told to stop
    except SystemExit as end:
        _failed(exit_code_of(end.code))
        raise
    except BaseException:
        _failed(1)
        raise


def exit_code_of(value: object) -> int:
    """What ``sys.exit(value)`` ends an interpreter with (Python: SystemExit)."""
    if value is None:
        return 0
    return value & 255 if isinstance(value, int) else 1


def _failed(code: int) -> None:
    folder = os.environ.get(ENV_FOLDER)
    if code and folder:
        tell(folder, "{} {} 0 {} {}".format(rank_of(os.environ), code, BY_ITSELF, int(time.time() * 1000)))


if __name__ == "__main__":
    main()
