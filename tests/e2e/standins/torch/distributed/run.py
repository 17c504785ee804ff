"""torchrun with a static rendezvous: starts the processes of this node with the variables that torchrun sets."""

import os
import socket
import subprocess
import sys

nodes, node = int(os.environ["PET_NNODES"]), int(os.environ["PET_NODE_RANK"])
processes = int(os.environ["PET_NPROC_PER_NODE"])
address = (os.environ["PET_MASTER_ADDR"], int(os.environ["PET_MASTER_PORT"]))
if node == 0:
    store = socket.create_server(address)  # node 0 has the rendezvous: the others start when it answers
started = []
for local in range(processes):
    ranks = {"RANK": node * processes + local, "WORLD_SIZE": nodes * processes, "LOCAL_RANK": local}
    variables = {name: str(number) for name, number in ranks.items()}
    variables.update(MASTER_ADDR=address[0], MASTER_PORT=str(address[1]))
    started.append(subprocess.Popen([sys.executable, "-u", *sys.argv[1:]], env={**os.environ, **variables}))
sys.exit(max(abs(child.wait()) for child in started))
