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
_QUALIFIED_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)


def _longer(name: str, most: int) -> list[str]:
    return [f"must be no more than {most} characters"] if len(name.encode()) > most else []


def subdomain(name: str) -> list[str]:
    """RFC 1123 subdomain: the name of most objects."""
    problems = _longer(name, 253)
    if not _DNS_SUBDOMAIN.fullmatch(name):
        problems.append(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            rf"'{_LABEL}(\.{_LABEL})*')"
        )
    return problems


def dns_label(name: str) -> list[str]:
    """RFC 1123 label: the name of a namespace."""
    problems = _longer(name, 63)
    if not _DNS_LABEL.fullmatch(name):
        problems.append(
            "must not contain dots"
            if _DNS_SUBDOMAIN.fullmatch(name)
            else "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
            "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
            f"'{_LABEL}')"
        )
    return problems


def service_name(name: str) -> list[str]:
    """RFC 1035 label: the name of a Service."""
    problems = _longer(name, 63)
    if not _DNS_1035.fullmatch(name):
        problems.append(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
            "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
            "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
        )
    return problems


def path_segment(name: str) -> list[str]:
    """What no name of any kind may be or contain: it stands in paths (api/validation/path)."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{mark}'" for mark in "/%" if mark in name]


def without_trailing_dash(prefix: str) -> str:
    """A generateName as its rule is checked: the dash that it may end with stands before more characters."""
    return prefix[:-2] + "a" if len(prefix) > 1 and prefix.endswith("-") else prefix


def label_key(key: str) -> list[str]:
    """A qualified name, `[prefix/]name`: keys of labels and annotations, names of finalizers."""
    parts = key.split("/")
    if len(parts) > 2:
        rule = f"a qualified name {_QUALIFIED_RULE}"
        return [f"{rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    problems = []
    name = parts[-1]
    if len(parts) == 2:
        found = subdomain(parts[0]) if parts[0] else ["must be non-empty"]
        problems = [f"prefix part {text}" for text in found]
    if not name:
        problems.append("name part must be non-empty")
    else:
        problems += [f"name part {text}" for text in _longer(name, 63)]
    if not _QUALIFIED_NAME.fullmatch(name):
        problems.append(f"name part {_QUALIFIED_RULE}")
    return problems


def label_value(value: str) -> list[str]:
    problems = _longer(value, 63)
    if not _LABEL_VALUE.fullmatch(value):
        problems.append(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
            f"for validation is '({_QUALIFIED})?')"
        )
    return problems


_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def generate(prefix: str, source: random.Random) -> str:
    """A name that starts with metadata.generateName (cut so that it fits 63 characters)."""
    return prefix[:58] + "".join(source.choices(_ALPHABET, k=5))
