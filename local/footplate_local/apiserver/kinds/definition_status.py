"""The status of a CustomResourceDefinition: which names it gets, and whether its kind is served.

Source: apiextensions-apiserver pkg/controller/{status,establish,apiapproval}. The names of kinds and resources are
unique in a group; who comes later waits until they are free.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.kinds.definition_checks import approval_of

JSON = dict[str, Any]
NEW: JSON = {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}}
"""The status of a definition that no controller has looked at."""
_CHECKED = (
    ("plural", "PluralConflict", ("plural", "singular")),
    ("singular", "SingularConflict", ("plural", "singular")),
    ("shortNames", "ShortNamesConflict", ("plural", "singular")),
    ("kind", "KindConflict", ("kind", "listKind")),
    ("listKind", "ListKindConflict", ("kind", "listKind")),
)


def condition(definition: JSON, kind: str) -> JSON | None:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item["type"] == kind), None)


def is_true(definition: JSON, kind: str) -> bool:
    found = condition(definition, kind)
    return found is not None and found["status"] == "True"


def is_served(definition: JSON) -> bool:
    return is_true(definition, "NamesAccepted") or is_true(definition, "Established")


def next_status(definition: JSON, others: Iterable[JSON], now: str) -> JSON | None:
    """The status after the next step of the controllers; None when there is nothing to do.

    `others`: the other definitions of the same group.
    """
    status = copied(definition.get("status") or NEW)
    before = copied(status)
    if status.get("acceptedNames") != definition["spec"]["names"]:
        _accept_names(definition, status, others, now)
    elif is_true(definition, "NamesAccepted") and not is_true(definition, "Established"):
        established = ("Established", "True", "InitialNamesAccepted", "the initial names have been accepted")
        _set(status, established, now)
    approval = approval_of(definition)
    if approval is not None:
        reason, message = approval
        approved = "True" if reason == "ApprovedAnnotation" else "False"
        _set(status, ("KubernetesAPIApprovalPolicyConformant", approved, reason, message), now)
    return status if status != before else None


def _accept_names(definition: JSON, status: JSON, others: Iterable[JSON], now: str) -> None:
    wanted, accepted = definition["spec"]["names"], dict(status.get("acceptedNames") or {})
    taken = [(other.get("status") or {}).get("acceptedNames") or {} for other in others]
    problem = None
    for name, reason, rivals in _CHECKED:
        used = {names.get(rival) for names in taken for rival in rivals}
        if rivals[0] == "plural":
            used |= {short for names in taken for short in names.get("shortNames") or ()}
        asked = wanted.get(name) or ()
        conflicts = [text for text in ([asked] if isinstance(asked, str) else asked) if text in used]
        if conflicts:
            problem = (reason, ", ".join(f'"{text}" is already in use' for text in conflicts))
        elif asked:
            accepted[name] = asked
        else:
            accepted.pop(name, None)
    if wanted.get("categories"):
        accepted["categories"] = wanted["categories"]
    status["acceptedNames"] = accepted
    if problem is not None:
        _set(status, ("NamesAccepted", "False", *problem), now)
        if condition({"status": status}, "Established") is None:
            _set(status, ("Established", "False", "NotAccepted", "not all names are accepted"), now)
        return
    _set(status, ("NamesAccepted", "True", "NoConflicts", "no conflicts found"), now)
    if not is_true({"status": status}, "Established"):
        _set(status, ("Established", "False", "Installing", "the initial names have been accepted"), now)


def _set(status: JSON, wanted: tuple[str, str, str, str], now: str) -> None:
    kind, state, reason, message = wanted
    conditions = status["conditions"] = list(status.get("conditions") or ())
    new = {"type": kind, "status": state, "lastTransitionTime": now, "reason": reason, "message": message}
    for index, old in enumerate(conditions):
        if old["type"] == kind:
            if old["status"] == state:
                new["lastTransitionTime"] = old["lastTransitionTime"]
            conditions[index] = new
            return
    conditions.append(new)
