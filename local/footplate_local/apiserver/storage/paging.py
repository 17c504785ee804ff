"""Lists in pages; every page of a list shows the same moment.

Sources: Kubernetes API Concepts, "Retrieving large results sets in chunks" and "Semantics for get and list";
apiserver pkg/storage (interfaces.go ValidateListOptions, continue.go, etcd3/errors.go).
"""

from __future__ import annotations

import base64
import binascii
import json
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from footplate_local.apiserver.errors import StatusError, bad_request, gone, too_large_version, too_old_to_continue
from footplate_local.apiserver.objects.selectors import Match
from footplate_local.apiserver.storage.model import HistoryGone, Storage, Stored

JSON = dict[str, Any]
_FORMAT = "meta.k8s.io/v1"
_NOW = -1
"""The version in a token that goes on with the objects as they are, not as they were."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which state of a collection is asked for, and how much of it: the ListOptions of that name.

    `limit` 0 is no limit. `token` continues a former page.
    """

    version: str = ""
    version_match: str = ""
    limit: int = 0
    token: str = ""

    @property
    def at_least(self) -> int:
        """The version that the answer must not be older than; 0 when any will do. Raises StatusError 400."""
        return 0 if self.token or self.exact else parse_version(self.version)

    @property
    def exact(self) -> bool:
        """Whether the state at `version` itself is asked for: by name, or, as of old, by naming a limit, too."""
        legacy = not self.version_match and self.limit > 0 and self.version not in ("", "0")
        return not self.token and (self.version_match == "Exact" or legacy)


@dataclass(frozen=True, slots=True)
class Page:
    items: list[Stored]
    meta: JSON


def parse_version(text: str) -> int:
    """A resourceVersion as a number, 0 for none. Raises StatusError 400."""
    if not text:
        return 0
    if not is_version(text):
        raise bad_request(
            f'invalid resource version: resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": '
            "invalid syntax"
        )
    return int(text)


def is_version(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def page(storage: Storage, resource: str, namespace: str | None, matches: Match | None, wanted: Wanted) -> Page:
    """A list or a part of it.

    Raises StatusError: 400 for a token that is none of ours, 410 when that moment is no longer kept, 504 when it is
    still to come.
    """
    moment, after = storage.version, None
    if wanted.token:
        moment, after = _read(wanted.token, namespace)
        if wanted.version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        if moment == _NOW:
            moment = storage.version
    elif wanted.exact:
        moment = parse_version(wanted.version)
    if moment > storage.version:
        raise too_large_version(moment, storage.version, retry_seconds=0)
    try:
        found: Sequence[Stored] = storage.listing(resource, namespace)
        if moment != storage.version:
            found = storage.listing_at(resource, namespace, moment)
    except HistoryGone as error:
        if after is None:
            raise gone("The resourceVersion for the provided list is too old.") from error
        raise too_old_to_continue(_write(_NOW, namespace, *after)) from error
    if after is not None:
        found = [item for item in found if (item.key.namespace, item.key.name) > after]
    limit = 0 if wanted.version == "0" else wanted.limit
    return _cut(found, namespace, matches, limit, moment)


def _cut(found: Sequence[Stored], namespace: str | None, matches: Match | None, limit: int, moment: int) -> Page:
    """The first `limit` that match; whether more follows is said of all objects, not of those that match."""
    meta: JSON = {"resourceVersion": str(moment)}
    items = []
    for position, item in enumerate(found, start=1):
        if matches is None or matches(item.object):
            items.append(item)
        if 0 < limit <= len(items):
            if position < len(found):
                meta["continue"] = _write(moment, namespace, item.key.namespace, item.key.name)
                if matches is None:
                    meta["remainingItemCount"] = len(found) - position
            break
    return Page(items, meta)


def _write(version: int, namespace: str | None, item_namespace: str, name: str) -> str:
    start = f"{item_namespace}/{name}" if namespace is None else name
    token = json.dumps({"v": _FORMAT, "rv": version, "start": f"{start}\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def _read(token: str, namespace: str | None) -> tuple[int, tuple[str, str]]:
    """The moment and the place of a token. Raises StatusError 400."""
    try:
        written = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _invalid("continue key is not valid") from error
    if not isinstance(written, dict):
        raise _invalid("continue key is not valid")
    version, start = written.get("rv", 0), written.get("start", "")
    if written.get("v") != _FORMAT:
        raise _invalid("continue key is not valid: server does not recognize this encoded version")
    if not isinstance(version, int) or isinstance(version, bool) or version == 0 or version >= 2**63:
        raise _invalid("continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    if not isinstance(start, str) or not start:
        raise _invalid("continue key is not valid: encoded start key empty (version meta.k8s.io/v1)")
    if posixpath.normpath(f"/{start}") != f"/{start.lstrip('/')}":
        raise _invalid(f"continue key is not valid: {start}")
    place = start.rstrip("\0")
    item_namespace, _, name = place.rpartition("/") if namespace is None else (namespace, "", place)
    return (version if version > 0 else _NOW), (item_namespace, name)


def _invalid(why: str) -> StatusError:
    return bad_request(f"invalid continue token: {why}")
