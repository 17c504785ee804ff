"""`python -m footplate_local.apiserver --home DIR [--port N]`: run the server until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sqlite3
import sys
from pathlib import Path


async def _serve(home: Path, port: int) -> None:
    from footplate_local.apiserver.server import ApiServer

    server = ApiServer(home, port=port, workloads=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await server.start()
    logging.getLogger(__name__).info("serving on %s, kubeconfig %s", server.url, server.kubeconfig)
    await ended.wait()
    await server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m footplate_local.apiserver", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of the cluster's files")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: the last one, or any)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # This process calls nobody by TLS, but aiohttp's client, as it is loaded, reads every CA of the machine.
    os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = os.devnull
    try:
        asyncio.run(_serve(arguments.home, arguments.port))
    except OSError as error:
        print(f"the API server cannot start in {arguments.home}: {error}", file=sys.stderr)
        return 1
    except sqlite3.Error as error:
        print(
            f"the API server cannot read {arguments.home / 'cluster.db'}: {error}; put back a copy of it, or begin "
            "anew with `footplate local reset`",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
