"""Access reviews: whoever has the token may do everything."""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import unknown_path

JSON = dict[str, Any]
_ALL = ["*"]


def review(plural: str, body: JSON) -> JSON:
    """The answer to a SelfSubjectAccessReview and its like. Raises StatusError 404."""
    match plural:
        case "selfsubjectaccessreviews":
            return {**body, "status": {"allowed": True, "reason": "the token of this cluster allows everything"}}
        case "selfsubjectrulesreviews":
            rules = {
                "incomplete": False,
                "resourceRules": [{"verbs": _ALL, "apiGroups": _ALL, "resources": _ALL}],
                "nonResourceRules": [{"verbs": _ALL, "nonResourceURLs": _ALL}],
            }
            return {**body, "status": rules}
        case "selfsubjectreviews":
            user = {"username": "footplate", "groups": ["system:masters", "system:authenticated"]}
            return {**body, "status": {"userInfo": user}}
    raise unknown_path()
