"""Runs until nothing answers at the gate any more, three times in a row."""

import os
import socket
import time
from pathlib import Path

host, port = os.environ["GATE"].rsplit(":", 1)
print("begun", flush=True)
missed = 0
while missed < 3:
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        missed = 0
    except OSError:
        missed += 1
    time.sleep(0.2)
Path("outputs/end.txt").write_text("reached the end\n")
