"""The object store: one small interface over ``file://``, ``s3://``, ``gs://`` and ``az://``.

``open_store(uri)`` gives a ``Store``; all keys are relative to the uri. ``read_growing`` reads a log or a
metrics file of a run, whether it is whole or still in segments. Everything here blocks; use it from threads.
"""

from footplate_runtime.store.base import Entry, Receipt, Store
from footplate_runtime.store.errors import (
    AccessDenied,
    InvalidKey,
    InvalidStore,
    NotFound,
    StoreError,
    StoreThrottled,
    StoreUnavailable,
)
from footplate_runtime.store.growing import Segment, find_segments, list_growing, read_growing, segment_of, segments
from footplate_runtime.store.keys import key_of_path, path_of_key
from footplate_runtime.store.opening import open_store, split_uri, without_password
from footplate_runtime.store.settings import StoreSettings

__all__ = [
    "AccessDenied",
    "Entry",
    "InvalidKey",
    "InvalidStore",
    "NotFound",
    "Receipt",
    "Segment",
    "Store",
    "StoreError",
    "StoreSettings",
    "StoreThrottled",
    "StoreUnavailable",
    "find_segments",
    "key_of_path",
    "list_growing",
    "open_store",
    "path_of_key",
    "read_growing",
    "segment_of",
    "segments",
    "split_uri",
    "without_password",
]
