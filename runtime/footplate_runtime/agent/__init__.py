"""The native sidecar of a replica: brings outputs, logs and metrics to the store and reports; run with ``-m``."""
