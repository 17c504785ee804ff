"""All ranks meet at rank 0's address, as torch.distributed's store does: rank 0 notes who came."""

import json
import os
import socket
import time
from pathlib import Path

rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
address = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]) + 1)
if rank == 0:
    with socket.create_server(address) as server:
        came = {0: socket.gethostname()}
        while len(came) < size:
            connection, _ = server.accept()
            with connection:
                came.update({int(k): v for k, v in json.loads(connection.makefile().readline()).items()})
    Path("outputs/report.json").write_text(json.dumps({"sum": sum(came), "hosts": came}))
else:
    deadline = time.monotonic() + 240
    while True:
        try:
            with socket.create_connection(address, timeout=5) as connection:
                connection.sendall((json.dumps({rank: socket.gethostname()}) + "\n").encode())
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
print(f"rank {rank} of {size}", flush=True)
