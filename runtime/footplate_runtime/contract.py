"""What the operator, the launcher, fetch and the agent agree on. Standard library only, no I/O.

The formats of the files named here are described in docs/architecture.md, "Contracts".
"""

from __future__ import annotations

from footplate_run import references
from footplate_run.layout import (
    CODE,
    CONSOLE,
    DEFAULT_ROOT,
    DEFAULT_TERMINATION_LOG,
    ENV_ATTEMPT,
    ENV_HOSTS,
    ENV_INDEX,
    ENV_JOB,
    ENV_NAMESPACE,
    ENV_PEERS_TIMEOUT,
    ENV_REPLACEMENT,
    ENV_RESUME,
    ENV_ROLE,
    ENV_ROOT,
    ENV_SECRET_VARIABLES,
    ENV_STOP_SECONDS,
    ENV_TERMINATION_LOG,
    EXIT,
    INPUTS,
    KEYS,
    LAUNCH,
    LAUNCHER,
    LOGS,
    METRICS,
    OUTPUTS,
    SECRETS,
    STATE,
    TERMINATION_LOG_LIMIT,
)

__all__ = [
    "AGENT_LOG",
    "AGENT_PORT",
    "AGENT_SETTINGS",
    "BUILD_LOG",
    "CODE",
    "CONSOLE",
    "DEFAULT_ROOT",
    "DEFAULT_TERMINATION_LOG",
    "ENV_ATTEMPT",
    "ENV_BUILD",
    "ENV_BUILD_LOG",
    "ENV_BUILD_STORE",
    "ENV_GRACE_SECONDS",
    "ENV_HOSTS",
    "ENV_INDEX",
    "ENV_JOB",
    "ENV_NAMESPACE",
    "ENV_NODE",
    "ENV_PEERS_TIMEOUT",
    "ENV_POD_IP",
    "ENV_RECORD",
    "ENV_REPLACEMENT",
    "ENV_RESUME",
    "ENV_ROLE",
    "ENV_ROOT",
    "ENV_SECRET_VARIABLES",
    "ENV_STOP_SECONDS",
    "ENV_STORE_KEYS",
    "ENV_TERMINATION_LOG",
    "EXIT",
    "FETCH_LOG",
    "FETCH_REPORT",
    "INPUTS",
    "JOURNAL",
    "KEYS",
    "LAUNCH",
    "LAUNCHER",
    "LOGS",
    "MANIFEST",
    "MAX_STATUS_METRICS",
    "METRICS",
    "OUTPUTS",
    "RECORD",
    "REPLICA",
    "RESTORED",
    "SECRETS",
    "SOURCE_MOUNT",
    "STATE",
    "STDOUT_METRICS",
    "STEP",
    "STORE_KEYS_MOUNT",
    "TENSORBOARD_METRICS",
    "TERMINATION_LOG_LIMIT",
    "byte_size",
    "completed_message",
    "log_name",
    "own_log_keys",
    "plural",
    "references",
]

ENV_POD_IP = "FOOTPLATE_POD_IP"  # of agent and fetch: the address to serve on
ENV_GRACE_SECONDS = "FOOTPLATE_GRACE_SECONDS"  # of the agent: overrides outputs.flushSeconds of the orders
ENV_BUILD = "FOOTPLATE_BUILD"  # of a build pod: the build order as JSON
ENV_NODE = "FOOTPLATE_NODE"  # of the primary's agent: where it runs, for the record
ENV_RECORD = "FOOTPLATE_RECORD"  # of the primary's agent and of the recorder: what the operator knows of the record
ENV_AGENT_PORT = "FOOTPLATE_AGENT_PORT"  # of the agent: serves here instead of AGENT_PORT
ENV_STORE_KEYS = "FOOTPLATE_STORE_KEYS"  # of fetch and the agent: where the store's Secret is mounted, a file a key
STORE_KEYS_MOUNT = "/var/run/footplate/store"  # not below the root, which the program sees
ENV_BUILD_LOG = "FOOTPLATE_BUILD_LOG"  # of a build pod: the file that the builder writes its log to as well
ENV_BUILD_STORE = "FOOTPLATE_BUILD_STORE"  # of its sidecar: {"uri": of the log in the store, and the store's settings}
AGENT_PORT = 9464
# Environment of the agent's process. One arena: the threads of uploads would fragment memory to three times its use.
AGENT_SETTINGS = {"MALLOC_ARENA_MAX": "1", "TOKIO_WORKER_THREADS": "2"}
MANIFEST = "manifest.json"  # in the store: every output with its size and sha256
RECORD = "run.json"  # in the store: the record of the run
JOURNAL = "state/journal.jsonl"  # the agent's: what is in the store
AGENT_LOG = "state/agent.log"  # what the agent says, with times
FETCH_LOG = "state/fetch.log"  # what fetch says
BUILD_LOG = "logs/environment-build.log"  # in a run: how its environment was built
REPLICA = "state/replica.json"  # fetch's: place and orders, for who finds the volume when its pod is gone
TENSORBOARD_METRICS = "state/tensorboard.jsonl"  # the agent's: scalars of the event files, as lines of metrics.jsonl
STDOUT_METRICS = "state/stdout.jsonl"  # the agent's: what the job's patterns found in the console, likewise
RESTORED = "state/restored.jsonl"  # fetch's: which outputs of earlier attempts it has put in place
FETCH_REPORT = "state/fetch.json"  # fetch's termination message, uncut, for the agent's run.json
SOURCE_MOUNT = "source"  # relative to the root: where a ConfigMap source is mounted for fetch
STEP = "step"  # in a pattern for the console: the group that is not a metric
MAX_STATUS_METRICS = 32  # names in status.metrics and in the agent's reports


def own_log_keys(attempt: int, log_name: str) -> dict[str, str]:
    """Where the agent's and fetch's own logs go in the run, by their paths below the root."""
    return {
        AGENT_LOG: f"logs/{attempt}/{log_name}.agent.log",
        FETCH_LOG: f"logs/{attempt}/{log_name}.fetch.log",
    }


def log_name(replica: str, replacement: int) -> str:
    """What the logs and metrics of one start of a replica are called in the store: ``worker-1``, ``worker-1.r2``."""
    return f"{replica}.r{replacement}" if replacement else replica


def completed_message(files: int, size: int, uri: str) -> str:
    """The sentence of a job that has completed, in its status and in its record."""
    return f"{plural(files, 'file')} ({byte_size(size)}) in {uri}"


def plural(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def byte_size(number: int) -> str:
    """Bytes as people read them: 81234 is 81.2 kB."""
    value, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
