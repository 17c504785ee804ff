"""Why a fetch failed: the stable word of the contract, and one sentence."""

from __future__ import annotations


class FetchError(Exception):
    """Base; ``reason`` is what the operator reports."""

    reason: str


class SourceUnavailable(FetchError):
    """The code could not be had."""

    reason = "SourceUnavailable"


class InputUnavailable(FetchError):
    """An input could not be had."""

    reason = "InputUnavailable"


class ResumeFailed(FetchError):
    """The outputs of earlier attempts could not be had."""

    reason = "ResumeFailed"


class Unreachable(Exception):
    """A server did not answer, or broke off: trying again may help. One sentence."""


class Refused(Exception):
    """What was asked for is not there, not allowed or not what it should be: trying again is useless. One sentence."""
