"""Parameter servers by TF_CONFIG alone: each worker adds its number to the first server, which never ends by itself.

Without TensorFlow in the image the standard library has to do; the chief asks for the sum.
"""

import json
import os
import socket
import socketserver
import threading
import time
from pathlib import Path

config = json.loads(os.environ["TF_CONFIG"])
kind, index = config["task"]["type"], config["task"]["index"]
cluster = config["cluster"]
lock, added = threading.Lock(), {}


class Server(socketserver.StreamRequestHandler):
    def handle(self):
        name, number = json.loads(self.rfile.readline())
        with lock:
            if number is not None:
                added[name] = number
            self.wfile.write((json.dumps(added) + "\n").encode())


def ask(name, number):
    host, port = cluster["ps"][0].rsplit(":", 1)
    deadline = time.monotonic() + 240
    while True:
        try:
            with socket.create_connection((host, int(port)), timeout=5) as connection:
                connection.sendall((json.dumps([name, number]) + "\n").encode())
                return json.loads(connection.makefile().readline())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


print(f"{kind} {index}", flush=True)
if kind == "ps":
    host, port = cluster["ps"][index].rsplit(":", 1)
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer((host, int(port)), Server).serve_forever()
elif kind == "worker":
    ask(f"worker-{index}", index + 1)
    while True:  # a worker serves the chief for as long as that runs
        time.sleep(1)
else:
    while len(ask("chief", None)) < len(cluster["worker"]):
        time.sleep(0.2)
    Path("outputs/report.json").write_text(json.dumps({"sum": sum(ask("chief", None).values()), "cluster": cluster}))
