"""``python -m footplate_local.node --home DIR``: the embedded node; with ``--stop-pods`` it only ends all pods.

SIGTERM ends the node and leaves its containers running, as stopping a kubelet does: the next node adopts them.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from footplate.engine.clock import SystemClock
from footplate.errors import NoCluster
from footplate.kube.client import KubeClient
from footplate_local.node.folders import NodeHome
from footplate_local.node.machine import inspect, node_name
from footplate_local.node.node import Node
from footplate_local.node.stop import NodeRunning, hold_node_lock, stop_all_pods


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m footplate_local.node", description="The embedded node.")
    parser.add_argument("--home", type=Path, required=True, help="FOOTPLATE_HOME; its kubeconfig is used")
    parser.add_argument("--stop-pods", action="store_true", help="end the containers of all pods, then exit")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    home = NodeHome(options.home.absolute())
    try:
        if options.stop_pods:
            stop_all_pods(home.path)
            return 0
        lock = hold_node_lock(home)
    except NodeRunning as error:
        print(error, file=sys.stderr)
        return 1
    try:
        return asyncio.run(_run(home))
    finally:
        os.close(lock)


async def _run(home: NodeHome) -> int:
    home.pods.mkdir(parents=True, exist_ok=True, mode=0o700)
    machine = inspect(node_name(home.path), dict(os.environ), home.path)
    try:
        client = await KubeClient.connect(kubeconfig=str(home.kubeconfig), clock=SystemClock())
    except NoCluster as error:
        print(error, file=sys.stderr)
        return 1
    task = asyncio.create_task(Node(home, client, machine).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        logging.info("the node ends; its containers run on")
    finally:
        await client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
