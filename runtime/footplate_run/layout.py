"""Names that the launcher shares with the rest: paths under the root, environment variables, file names.

The launcher runs in the user's container on Python 3.6 or later with the standard library alone, so the
one definition lies here; ``footplate_runtime.contract`` hands the same names to the operator and the agent.
"""

# Environment of every container of a replica.
ENV_ROOT = "FOOTPLATE_ROOT"  # the tree below; default /footplate
ENV_JOB = "FOOTPLATE_JOB"
ENV_NAMESPACE = "FOOTPLATE_NAMESPACE"
ENV_ATTEMPT = "FOOTPLATE_ATTEMPT"  # 1, 2, …
ENV_ROLE = "FOOTPLATE_ROLE"  # worker, launcher, ps, chief, evaluator
ENV_INDEX = "FOOTPLATE_INDEX"  # 0, 1, … within the role
ENV_RESUME = "FOOTPLATE_RESUME"  # "1" from the second attempt on: outputs/ holds what the attempts before left
ENV_REPLACEMENT = "FOOTPLATE_REPLACEMENT"  # 1, 2, …: this pod takes the place of one that an elastic attempt has lost
ENV_TERMINATION_LOG = "FOOTPLATE_TERMINATION_LOG"  # default /dev/termination-log
ENV_STOP_SECONDS = "FOOTPLATE_STOP_SECONDS"  # after SIGTERM the launcher gives the program so long, then kills it
ENV_SECRET_VARIABLES = "FOOTPLATE_SECRET_VARIABLES"  # JSON list: those with values of Secrets, hidden in logs
ENV_HOSTS = "FOOTPLATE_HOSTS"  # a hosts file to resolve names with before DNS; set by the embedded node
ENV_PEERS_TIMEOUT = "FOOTPLATE_PEERS_TIMEOUT_SECONDS"  # how long a replica waits for its peers; default 600

DEFAULT_ROOT = "/footplate"
DEFAULT_TERMINATION_LOG = "/dev/termination-log"
MAX_METRIC_NAME = 1024  # characters; Run cuts longer ones, the agent passes over them
TERMINATION_LOG_LIMIT = 4096  # bytes; Kubernetes: Determine the Reason for Pod Failure

# Paths relative to the root.
LAUNCHER = "bin/footplate-run.pyz"
LAUNCH = "launch/launch.json"  # the mounted ConfigMap
KEYS = "keys"  # the mounted Secret of jobs whose replicas talk to each other by TLS: tls.crt and tls.key
SECRETS = "secrets"  # secrets/<n>/<key>: mounted Secrets that all keys are taken from; their values are hidden in logs
CODE = "code"  # the program's working directory; code/outputs and code/logs are links
INPUTS = "inputs"  # inputs/<name>
OUTPUTS = "outputs"
LOGS = "logs"  # the user's own log files
METRICS = "metrics/metrics.jsonl"  # what Run logged, one JSON object a line
CONSOLE = "state/console.log"  # stdout and stderr of the program, as they came
EXIT = "state/exit.json"  # written by the launcher when the program has ended
HOME = "state/home"  # the program's home, where the image has none for its user
STATE = "state"
TORCHRUN_ERROR = "state/torchrun-error.json"  # TORCHELASTIC_ERROR_FILE of torchrun


def input_variable(name: str) -> str:
    """The variable with the path of an input: ``INPUT_`` and its name in capitals, ``-`` and ``.`` as ``_``."""
    return "INPUT_" + name.upper().replace("-", "_").replace(".", "_")
