"""The options of a request: CreateOptions, UpdateOptions, PatchOptions, DeleteOptions and ListOptions.

They stand in the query (those of a delete also in the body) and are checked before anything is looked up. Sources:
apimachinery pkg/runtime/conversion.go (how a query is read), pkg/apis/meta/v1/validation and
pkg/apis/meta/internalversion (what is allowed, and the defaults).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from multidict import MultiMapping

from footplate_local.apiserver.errors import (
    FieldError,
    Subject,
    bad_request,
    field_forbidden,
    invalid_value,
    not_supported,
    required,
)
from footplate_local.apiserver.objects.deletion import Deletion
from footplate_local.apiserver.objects.objects import Writing

JSON = dict[str, Any]
Query = MultiMapping[str]

LONGEST_MANAGER = 128
_NEWEST, _EXACT = "NotOlderThan", "Exact"
_POLICIES = ("Foreground", "Background", "Orphan")


def flag(query: Query, name: str) -> bool:
    """Whether a switch is on: it is unless it is missing, `0` or `false`."""
    return name in query and query[name] != "0" and query[name].lower() != "false"


def number(query: Query, name: str) -> int | None:
    """An integer of the query, or None. Raises 400."""
    if name not in query:
        return None
    text = query[name]
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if len(text.lstrip("+-0")) > 19 or not -(2**63) <= int(text) < 2**63:  # int() of long texts takes long
        raise bad_request(f'strconv.ParseInt: parsing "{text}": value out of range')
    return int(text)


def _refuse(kind: str, problems: Sequence[FieldError]) -> None:
    if problems:
        raise Subject("meta.k8s.io", kind).invalid(problems)


def _dry_run_errors(values: Sequence[Any]) -> list[FieldError]:
    return [] if all(value == "All" for value in values) else [not_supported("dryRun", list(values), ["All"])]


def _manager_errors(manager: str) -> list[FieldError]:
    problems = []
    if len(manager.encode()) > LONGEST_MANAGER:
        text = f"may not be more than {LONGEST_MANAGER} bytes"
        problems.append(FieldError("FieldValueTooLong", "fieldManager", detail=text))
    for position, character in enumerate(manager):
        if not character.isprintable():
            text = f"invalid character U+{ord(character):04X} (at position {position})"
            problems.append(invalid_value("fieldManager", manager, text))
    return problems


def writing(query: Query, user_agent: str, *, patch: str | None = None, creating: bool = False) -> Writing:
    """The options of a create, an update or, with its media type as `patch`, a patch. Raises 422."""
    manager, dry_run = query.get("fieldManager", ""), query.getall("dryRun", [])
    validation = query.get("fieldValidation", "")
    problems: list[FieldError] = []
    applying = patch is not None and patch.startswith("application/apply-patch")
    if applying and not manager:
        problems.append(required("fieldManager", "is required for apply patch"))
    if patch is not None and not applying and "force" in query:
        problems.append(field_forbidden("force", "may not be specified for non-apply patch"))
    problems += _manager_errors(manager) + _dry_run_errors(dry_run)
    if validation not in ("", "Ignore", "Warn", "Strict"):
        problems.append(not_supported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"]))
    kind = "PatchOptions" if patch is not None else "CreateOptions" if creating else "UpdateOptions"
    _refuse(kind, problems)
    return Writing(
        manager=manager or _manager_of(user_agent),
        dry_run=bool(dry_run),
        field_validation=validation or "Warn",
    )


def _manager_of(user_agent: str) -> str:
    """Who writes, when the query does not say it: the part of User-Agent before the version."""
    name = "".join(character for character in user_agent.partition("/")[0] if character.isprintable())
    return name.encode()[:LONGEST_MANAGER].decode(errors="ignore") or "unknown"


def deletion(query: Query, body: Any) -> Deletion:
    """The options of a delete: of its body if it has one, else of its query. Raises 400 and 422."""
    given = _query_of_deletion(query) if body is None else body
    if not isinstance(given, dict) or given.get("kind", "DeleteOptions") != "DeleteOptions":
        raise bad_request("the body of a delete must be DeleteOptions")
    _check_types(given)
    policy, orphan, dry_run = given.get("propagationPolicy"), given.get("orphanDependents"), given.get("dryRun") or []
    problems: list[FieldError] = []
    if policy is not None and orphan is not None:
        text = "orphanDependents and deletionPropagation cannot be both set"
        problems.append(invalid_value("propagationPolicy", policy, text))
    if policy is not None and policy not in _POLICIES:
        problems.append(not_supported("propagationPolicy", policy, [*_POLICIES, "nil"]))
    _refuse("DeleteOptions", problems + _dry_run_errors(dry_run))
    preconditions = given.get("preconditions") or {}
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    return Deletion(
        grace_seconds=given.get("gracePeriodSeconds"),
        propagation=policy or "",
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        dry_run=bool(dry_run),
        told_to_cascade=orphan is False,
    )


def _query_of_deletion(query: Query) -> JSON:
    given: JSON = {"gracePeriodSeconds": number(query, "gracePeriodSeconds"), "dryRun": query.getall("dryRun", [])}
    if "propagationPolicy" in query:
        given["propagationPolicy"] = query["propagationPolicy"]
    if "orphanDependents" in query:
        given["orphanDependents"] = flag(query, "orphanDependents")
    return given


def _check_types(given: JSON) -> None:
    preconditions = given.get("preconditions")
    if not isinstance(preconditions, dict | None):
        raise bad_request("DeleteOptions.preconditions must be an object")
    for place, key, kind in (
        (given, "gracePeriodSeconds", int),
        (given, "propagationPolicy", str),
        (given, "orphanDependents", bool),
        (given, "dryRun", list),
        (preconditions or {}, "uid", str),
        (preconditions or {}, "resourceVersion", str),
    ):
        value = place.get(key)
        if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            raise bad_request(f"DeleteOptions.{key} must be a {kind.__name__}, got {value!r}")


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What of a collection is asked for, and in which state. `timeout` 0: the server's own."""

    labels: str = ""
    fields: str = ""
    watch: bool = False
    bookmarks: bool = False
    version: str = ""
    version_match: str = ""
    timeout: int = 0
    limit: int = 0
    token: str = ""
    send_initial: bool | None = None


def listing(query: Query, *, watch: bool = False) -> ListOptions:
    """The options of a list or a watch. `watch`: the path says that it is one. Raises 400 and 422."""
    options = ListOptions(
        labels=query.get("labelSelector", ""),
        fields=query.get("fieldSelector", ""),
        watch=flag(query, "watch"),
        bookmarks=flag(query, "allowWatchBookmarks"),
        version=query.get("resourceVersion", ""),
        version_match=query.get("resourceVersionMatch", ""),
        timeout=number(query, "timeoutSeconds") or 0,
        limit=number(query, "limit") or 0,
        token=query.get("continue", ""),
        send_initial=flag(query, "sendInitialEvents") if "sendInitialEvents" in query else None,
    )
    _refuse("ListOptions", _watch_errors(options) if options.watch else _list_errors(options))
    if options.watch or watch:
        return _with_initial_events(options)
    return options


def _with_initial_events(options: ListOptions) -> ListOptions:
    """A watch from no version in particular begins with what there is (feature WatchList)."""
    unsaid = options.send_initial is None and options.version in ("", "0")
    return replace(options, watch=True, send_initial=True if unsaid else options.send_initial)


def _list_errors(options: ListOptions) -> list[FieldError]:
    path, match = "resourceVersionMatch", options.version_match
    found = []
    if match:
        if not options.version:
            found.append(field_forbidden(path, f"{path} is forbidden unless resourceVersion is provided"))
        if options.token:
            found.append(field_forbidden(path, f"{path} is forbidden when continue is provided"))
        if match not in (_EXACT, _NEWEST):
            found.append(not_supported(path, match, [_EXACT, _NEWEST, ""]))
        if match == _EXACT and options.version == "0":
            found.append(field_forbidden(path, f'{path} "exact" is forbidden for resourceVersion "0"'))
    if options.send_initial is not None:
        found.append(field_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return found


def _watch_errors(options: ListOptions) -> list[FieldError]:
    path, match = "resourceVersionMatch", options.version_match
    found = []
    if options.send_initial is not None and match != _NEWEST:
        found.append(field_forbidden(path, f"sendInitialEvents requires setting {path} to {_NEWEST}"))
    if match:
        if options.send_initial is None:
            found.append(field_forbidden(path, f"{path} is forbidden for watch unless sendInitialEvents is provided"))
        if match != _NEWEST:
            found.append(not_supported(path, match, [_NEWEST]))
        if options.token:
            found.append(field_forbidden(path, f"{path} is forbidden when continue is provided"))
    return found
