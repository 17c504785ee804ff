"""Names that Footplate gives to things in a cluster."""

from __future__ import annotations

GROUP = "footplate.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "footplate"
MANAGED_SELECTOR = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
LABEL_JOB = f"{GROUP}/job"
LABEL_ATTEMPT = f"{GROUP}/attempt"
LABEL_ROLE = f"{GROUP}/role"
LABEL_INDEX = f"{GROUP}/index"
LABEL_ENVIRONMENT = f"{GROUP}/environment"
LABEL_CONTENT_HASH = f"{GROUP}/content-hash"  # the first 12 hex digits

LABEL_RECORDER = f"{GROUP}/recorder"  # on the pod that writes a job's record: the job's name
LABEL_RECORDED = f"{GROUP}/recorded"  # and of which end of the job it speaks
FINALIZER = f"{GROUP}/record"  # on a TrainingJob whose record may not be right yet

CONTAINER_FETCH = "fetch"
CONTAINER_AGENT = "agent"
CONTAINER_TRAIN = "train"
CONTAINER_BUILD = "build"
CONTAINER_RECORD = "record"
CONTAINER_BUILD_LOG = "build-log"

LAUNCH_KEY = "launch.json"
LAUNCHER_STOP_SECONDS = 30  # how long a program may take to end after SIGTERM before the launcher kills it
