"""``python -m footplate_run.torchrun …``: torchrun, started when worker 0 answers; an elastic one forgets the lost.

torch's store tries to connect in growing intervals. A node that is there a minute before worker 0 would find it another
minute late, or when the others have ended. So what takes long, the import of torch, is done first, and then worker 0's
port is asked every half second; it is worker 0's torchrun that listens there.
"""

import importlib
import os
import runpy
import sys
import time

from footplate_run import exit_barrier
from footplate_run.hosts import PROGRESS_SECONDS, timeout_of

POLL_SECONDS = 0.5
CONNECT_SECONDS = 5.0
ELASTIC = "c10d"  # the rendezvous of groups that may lose nodes


def answers(host: str, port: int) -> bool:
    """Whether something listens there."""
    import socket

    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def wait_for_worker_0(host: str, port: int, patience: float) -> None:
    """Waits at most ``patience`` seconds; after that torchrun itself finds the words for what is wrong."""
    began = time.monotonic()
    next_word = PROGRESS_SECONDS
    while not answers(host, port):
        waited = time.monotonic() - began
        if waited >= patience:
            return
        if waited >= next_word:
            sys.stderr.write("footplate: waiting for worker 0 at {}:{} ({:.0f} s)\n".format(host, port, waited))
            next_word = waited + PROGRESS_SECONDS
        time.sleep(POLL_SECONDS)


def main() -> None:
    """Takes torchrun's arguments; worker 0 is at ``MASTER_ADDR`` and ``MASTER_PORT``."""
    importlib.import_module("torch.distributed")
    if os.environ["NODE_RANK"] != "0":
        wait_for_worker_0(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), timeout_of(os.environ))
    if os.environ.get("PET_RDZV_BACKEND") == ELASTIC:
        exit_barrier.install()
    runpy.run_module("torch.distributed.run", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
