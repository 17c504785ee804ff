"""Names, labels and the like: which are allowed, in the sentences of kube-apiserver (util/validation)."""

from __future__ import annotations

import random
import re

API_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_LABEL = re.compile(_LABEL)
_DNS_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_QUALIFIED_NAME = re.compile(_QUALIFIED)
_LABEL_VALUE = re.compile(rf"({_QUALIFIED})?")


def subdomain(name: str) -> list[str]:
    """RFC 1123 subdomain: the name of most objects."""
    if len(name) > 253:
        return ["must be no more than 253 characters"]
    if not _DNS_SUBDOMAIN.fullmatch(name):
        return [
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            rf"'{_LABEL}(\.{_LABEL})*')"
        ]
    return []


def dns_label(name: str) -> list[str]:
    """RFC 1123 label: the name of a namespace."""
    if len(name) > 63:
        return ["must be no more than 63 characters"]
    if not _DNS_LABEL.fullmatch(name):
        return [
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
            "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
            f"'{_LABEL}')"
        ]
    return []


def service_name(name: str) -> list[str]:
    """RFC 1035 label: the name of a Service."""
    if len(name) > 63:
        return ["must be no more than 63 characters"]
    if not _DNS_1035.fullmatch(name):
        return [
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
            "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
            "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
        ]
    return []


def label_key(key: str) -> list[str]:
    """A qualified name, `[prefix/]name`: keys of labels and annotations, names of finalizers."""
    prefix, slash, name = key.rpartition("/")
    problems = []
    if slash and (not prefix or len(prefix) > 253 or not _DNS_SUBDOMAIN.fullmatch(prefix)):
        problems.append("prefix part must be a lowercase RFC 1123 subdomain")
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > 63:
        problems.append("name part must be no more than 63 characters")
    if not _QUALIFIED_NAME.fullmatch(name):
        problems.append(
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            f"'{_QUALIFIED}')"
        )
    return problems


def label_value(value: str) -> list[str]:
    if len(value) > 63:
        return ["must be no more than 63 characters"]
    if not _LABEL_VALUE.fullmatch(value):
        return [
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
            f"for validation is '({_QUALIFIED})?')"
        ]
    return []


DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def generate(prefix: str, source: random.Random) -> str:
    """A name that starts with metadata.generateName (cut so that it fits 63 characters)."""
    return prefix[:58] + "".join(source.choices(_ALPHABET, k=5))
