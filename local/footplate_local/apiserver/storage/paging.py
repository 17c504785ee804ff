"""Lists in pages; every page of a list shows the same moment.

Source: Kubernetes API Concepts, "Retrieving large results sets in chunks".
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from footplate_local.apiserver.errors import bad_request, gone
from footplate_local.apiserver.selectors import Match
from footplate_local.apiserver.storage.model import HistoryGone, Storage, Stored

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    items: list[Stored]
    meta: JSON


def page(
    storage: Storage,
    resource: str,
    namespace: str | None,
    matches: Match | None,
    *,
    limit: int | None,
    token: str,
    version: str,
) -> Page:
    """A list or a part of it. `token` continues a former page; `version` asks for the state at that resourceVersion.

    Raises StatusError: 400 for a token that is none of ours, 410 when that moment is no longer kept.
    """
    after: tuple[str, str] | None = None
    if token:
        moment, after = _read(token)
    else:
        moment = int(version) if version.isdigit() else storage.version
    try:
        found = storage.listing(resource, namespace)
        if moment != storage.version:
            found = storage.listing_at(resource, namespace, moment)
    except HistoryGone as error:
        raise gone(
            "The provided continue parameter is too old to display a consistent list result. You must start a new list "
            f"without the continue parameter ({error})."
        ) from error
    if after is not None:
        found = [item for item in found if (item.key.namespace, item.key.name) > after]
    if matches is not None:
        found = [item for item in found if matches(item.object)]
    meta: JSON = {"resourceVersion": str(moment)}
    if limit and len(found) > limit:
        rest = len(found) - limit
        found = found[:limit]
        last = found[-1].key
        meta["continue"] = _write(moment, last.namespace, last.name)
        if matches is None:
            meta["remainingItemCount"] = rest
    return Page(found, meta)


def _write(version: int, namespace: str, name: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, namespace, name]).encode()).decode()


def _read(token: str) -> tuple[int, tuple[str, str]]:
    try:
        version, namespace, name = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error) as error:
        raise bad_request("continue key is not valid") from error
    return int(version), (str(namespace), str(name))
