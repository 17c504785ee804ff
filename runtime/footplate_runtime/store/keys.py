"""Names of files as keys of objects, and back.

A key is text of segments parted by ``/``. A file's name may be any bytes; what S3 or a file system elsewhere cannot
take (control characters, a backslash, bytes that are not UTF-8) becomes ``%XX``. A ``%`` that stands before two
hex digits is itself encoded, so two files never share a key, and ``path_of_key`` gives every name back.
"""

from __future__ import annotations

import re

from footplate_runtime.store.errors import InvalidKey

MAX_KEY_BYTES = 1024  # Amazon S3: Naming Amazon S3 objects

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\\udc80-\udcff]|%(?=[0-9A-Fa-f]{2})")
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")


def key_of_path(path: bytes) -> str:
    """Key of the file with this relative path (bytes as the file system has them)."""
    text = path.decode("utf-8", "surrogateescape")
    return _UNSAFE.sub(lambda m: "".join(f"%{b:02X}" for b in m[0].encode("utf-8", "surrogateescape")), text)


def path_of_key(key: str) -> bytes:
    """The relative path whose key this is; the inverse of ``key_of_path``."""
    return _ENCODED.sub(lambda m: bytes([int(m[1], 16)]), key.encode("utf-8"))


def check_key(key: str) -> str:
    """Return ``key`` if it names an object inside the store, else raise ``InvalidKey``."""
    if any(part in ("", ".", "..") for part in key.split("/")) or "\x00" in key:
        raise InvalidKey(f"{key!r} does not name an object inside the store; keys have no empty, '.' or '..' parts.")
    if len(key.encode("utf-8", "surrogateescape")) > MAX_KEY_BYTES:
        raise InvalidKey(
            f"The name {key[:80]}… is longer than the {MAX_KEY_BYTES} bytes a store takes; use shorter names."
        )
    return key


def check_folder(prefix: str) -> str:
    """Return ``prefix`` if it names a folder inside the store (empty, or ending with ``/``)."""
    if prefix:
        if not prefix.endswith("/"):
            raise InvalidKey(f"{prefix!r} does not name a folder; a folder ends with '/'.")
        check_key(prefix[:-1])
    return prefix
