"""Errors of the store, each one sentence for a person: what failed, on which object, what to do."""

from __future__ import annotations


class StoreError(Exception):
    """Base of all errors of the store."""


class StoreUnavailable(StoreError):
    """The store did not answer, is overloaded, or is full: trying again later may help."""


class StoreThrottled(StoreUnavailable):
    """The store asks for fewer requests."""


class AccessDenied(StoreError):
    """The store refused the credentials, or there were none."""


class NotFound(StoreError):
    """There is no such object, bucket or folder."""


class InvalidKey(StoreError):
    """An object of this name, or of this size, can never be stored here."""


class InvalidStore(StoreError):
    """The address or the settings of the store make no sense."""
