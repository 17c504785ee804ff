"""``python -m mpi4py`` that tells of a failure: an exception makes mpi4py abort all ranks at the interpreter's exit.

The abort may end this rank together with what watches it (``rank.py``) before either has said a word, as MPICH's daemon
does now and then. So this rank says itself that it was the one, before it aborts.
"""

import importlib
import os
import time
import traceback

from footplate_run.failure import LINE_LENGTH, cut
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
    except BaseException as error:
        _failed(1, sentence_of(error))
        raise


def exit_code_of(value: object) -> int:
    """What ``sys.exit(value)`` ends an interpreter with (Python: SystemExit)."""
    if value is None:
        return 0
    return value & 255 if isinstance(value, int) else 1


def sentence_of(error: BaseException) -> str:
    """The line that a traceback of it ends with; what else it has to say (a second line, notes) is left out."""
    lines = traceback.format_exception_only(type(error), error)
    sentence = next((line for line in lines if not line[:1].isspace()), lines[-1])
    return cut(sentence.splitlines()[0], LINE_LENGTH)


def _failed(code: int, error: str = "") -> None:
    folder = os.environ.get(ENV_FOLDER)
    if code and folder:
        now = int(time.time() * 1000)
        tell(folder, "{} {} 0 {} {} {}".format(rank_of(os.environ), code, BY_ITSELF, now, error))


if __name__ == "__main__":
    main()
