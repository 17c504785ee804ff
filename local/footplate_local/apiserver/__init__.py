"""A Kubernetes API server for one machine.

`kubectl`, kopf and the official clients talk to it as they talk to kube-apiserver v1.34: what it answers was compared
with recordings of that server (tests/api/scenarios). Objects live in one SQLite file. It is a convenience on a laptop
and in tests, never a production control plane: it listens on 127.0.0.1, knows one user, and runs in one process.
"""
