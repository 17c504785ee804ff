"""Acting as somebody else: `kubectl --as` (apiserver pkg/endpoints/filters/impersonation.go)."""

from __future__ import annotations

from collections.abc import Sequence

from footplate_local.apiserver.rights.attributes import Attributes
from footplate_local.apiserver.rights.rbac import Authorizer
from footplate_local.apiserver.rights.users import User, account_of, named

USER, GROUP = "Impersonate-User", "Impersonate-Group"  # headers


def acting(user: User, wanted: str, groups: Sequence[str], authorizer: Authorizer) -> User:
    """Who `user` acts as; `wanted` is a name, or empty for nobody else. Raises StatusError 403."""
    if not wanted:
        return user
    account = account_of(wanted)
    if account:
        asked = Attributes("impersonate", "", "serviceaccounts", namespace=account[0], name=account[1])
    else:
        asked = Attributes("impersonate", "", "users", name=wanted)
    for attributes in (asked, *(Attributes("impersonate", "", "groups", name=group) for group in groups)):
        authorizer.check(user, attributes)
    return named(wanted, groups)
