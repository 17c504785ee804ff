"""Changing one object of the store so that nobody else's change is lost: read, change, replace what was read."""

from __future__ import annotations

from collections.abc import Callable

from footplate_runtime.store import NotFound, Store


def change(
    store: Store, key: str, changed: Callable[[bytes | None], bytes | None], look: Callable[[], None] | None = None
) -> bytes | None:
    """Write what ``changed`` makes of the object (None: there is none); again when somebody else wrote meanwhile.

    ``look`` is called between reading and writing: what somebody writes after it makes the write fail. Its exceptions
    pass. Returns what the object is now as far as this call knows; nothing is written when ``changed`` returns None
    or what is there. Raises any ``StoreError``.
    """
    while True:
        etag, old = read_version(store, key)
        new = changed(old)
        if new is None or new == old:  # also after a write of ours whose answer was lost
            return old
        if look is not None:
            look()
        if store.put_if_absent(key, new) if etag is None else store.replace(key, new, etag):
            return new


def read_version(store: Store, key: str) -> tuple[str | None, bytes | None]:
    """An object that is at least as new as the etag with it; None twice when there is none. Raises ``StoreError``."""
    try:
        etag = store.head(key).etag
        return etag, store.get(key)
    except NotFound:
        return None, None
