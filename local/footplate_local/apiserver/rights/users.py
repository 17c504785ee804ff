"""Users, and the tokens that say who one is: that of the cluster's owner, and those of service accounts.

A service account's token is a JWT as kube-apiserver issues it for a TokenRequest, but signed with a key that is made of
the owner's token, so that nothing more has to be kept. Sources: Kubernetes "Authenticating", Service account tokens;
kubernetes pkg/serviceaccount/{claims,jwt,util}.go.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from footplate_local.apiserver.storage.model import ObjectKey
from footplate_local.apiserver.storage.sqlite import SqliteStorage

JSON = dict[str, Any]
MASTERS, AUTHENTICATED = "system:masters", "system:authenticated"
_ISSUER = "https://kubernetes.default.svc.cluster.local"
_HEADER = {"alg": "HS256", "typ": "JWT"}
_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who asks."""

    name: str
    groups: Sequence[str]
    uid: str = ""

    @property
    def may_do_everything(self) -> bool:
        return MASTERS in self.groups

    def as_json(self) -> JSON:
        """A UserInfo."""
        return {"username": self.name, **({"uid": self.uid} if self.uid else {}), "groups": list(self.groups)}


OWNER = User("footplate", (MASTERS, AUTHENTICATED))
"""Whose cluster it is."""


def service_account(namespace: str, name: str, uid: str = "") -> User:
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    return User(f"{_PREFIX}{namespace}:{name}", groups, uid)


def named(name: str, groups: Sequence[str] = ()) -> User:
    """A user of whom only this is known; a service account's groups follow from its name."""
    if name == OWNER.name:
        return OWNER
    if account := account_of(name):
        return service_account(*account)
    return User(name, (*groups, AUTHENTICATED))


def account_of(name: str) -> tuple[str, str] | None:
    """Namespace and name of the service account that a user's name means."""
    namespace, _, account = name.removeprefix(_PREFIX).partition(":")
    return (namespace, account) if name.startswith(_PREFIX) and namespace and account else None


class Tokens:
    """Knows whose a token is, and issues those of service accounts."""

    def __init__(self, owner: str, storage: SqliteStorage, now: Callable[[], datetime]) -> None:
        self._owner = owner.encode()
        self._key = hashlib.sha256(b"service account tokens\0" + self._owner).digest()
        self._storage = storage
        self._now = now

    def user_of(self, token: str) -> User | None:
        """None for a token that nobody has: wrong, expired, or of an account that is gone."""
        sent = token.encode(errors="surrogateescape")
        if hmac.compare_digest(sent, self._owner):
            return OWNER
        claims = self._claims(sent)
        return None if claims is None else self._account(claims)

    def issue(self, account: JSON, seconds: int, audiences: Sequence[str]) -> tuple[str, datetime]:
        """A token of a service account, and when it expires."""
        meta = account["metadata"]
        now = self._now()
        expiry = now + timedelta(seconds=seconds)
        claims = {
            "aud": list(audiences) or [_ISSUER],
            "exp": int(expiry.timestamp()),
            "iat": int(now.timestamp()),
            "iss": _ISSUER,
            "kubernetes.io": {
                "namespace": meta["namespace"],
                "serviceaccount": {"name": meta["name"], "uid": meta["uid"]},
            },
            "sub": f"{_PREFIX}{meta['namespace']}:{meta['name']}",
        }
        signed = f"{_encoded(_HEADER)}.{_encoded(claims)}"
        return f"{signed}.{self._signature(signed.encode())}", expiry

    def _claims(self, token: bytes) -> JSON | None:
        """What a token of ours says, while it is valid."""
        signed, _, signature = token.rpartition(b".")
        if not hmac.compare_digest(signature, self._signature(signed).encode()):
            return None
        payload = signed.partition(b".")[2]
        claims: JSON = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
        return claims if claims["exp"] > self._now().timestamp() else None

    def _account(self, claims: JSON) -> User | None:
        place = claims["kubernetes.io"]
        namespace, name, uid = place["namespace"], place["serviceaccount"]["name"], place["serviceaccount"]["uid"]
        stored = self._storage.get(ObjectKey("serviceaccounts", namespace, name))
        if stored is None or stored.object["metadata"]["uid"] != uid:
            return None
        return service_account(namespace, name, uid)

    def _signature(self, signed: bytes) -> str:
        return _base64(hmac.digest(self._key, signed, "sha256"))


def _encoded(part: JSON) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
