"""Errors of the command line itself, and the exit codes that scripts read."""

from __future__ import annotations

from footplate.errors import FootplateError

COMPLETED = 0
FAILED = 1  # the job did not complete, or the cluster could not be used
USAGE = 2  # a wrong command line, or a manifest that was refused
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class UsageError(FootplateError):
    """What was asked for cannot be done as written: exit code 2."""


class CommandFailed(FootplateError):
    """It was asked for well and did not work: exit code 1."""
