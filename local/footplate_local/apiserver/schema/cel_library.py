"""Which functions CEL rules may call, with the types of their arguments (Kubernetes 1.34: apiserver pkg/cel/library).

The implementations are in cel_functions. A rule is checked with the declared types; when it is evaluated, a value of a
Kubernetes type (Quantity, URL, IP, CIDR, Semver, Format) is a map, and every function has one overload for each
combination of plain types that its arguments can have.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cel_expr_python import cel

from footplate_local.apiserver.schema.cel_functions import FUNCTIONS

_SIGNATURES = """
string.charAt(int) -> string
string.indexOf(string) -> int
string.indexOf(string, int) -> int
string.lastIndexOf(string) -> int
string.lastIndexOf(string, int) -> int
string.lowerAscii() -> string
string.upperAscii() -> string
string.replace(string, string) -> string
string.replace(string, string, int) -> string
string.split(string) -> strings
string.split(string, int) -> strings
string.substring(int) -> string
string.substring(int, int) -> string
string.trim() -> string
string.format(list) -> string
strings.quote(string) -> string
list.join() -> string
list.join(string) -> string
string.find(string) -> string
string.findAll(string) -> strings
string.findAll(string, int) -> strings
list.isSorted() -> bool
list.sum() -> dyn
list.min() -> dyn
list.max() -> dyn
list.indexOf(dyn) -> int
list.lastIndexOf(dyn) -> int
list.slice(int, int) -> list
list.flatten() -> list
list.flatten(int) -> list
list.distinct() -> list
list.reverse() -> list
list.sort() -> list
lists.range(int) -> ints
sets.contains(list, list) -> bool
sets.equivalent(list, list) -> bool
sets.intersects(list, list) -> bool
url(string) -> URL
isURL(string) -> bool
URL.getScheme() -> string
URL.getHost() -> string
URL.getHostname() -> string
URL.getPort() -> string
URL.getEscapedPath() -> string
URL.getQuery() -> query
quantity(string) -> Quantity
isQuantity(string) -> bool
Quantity.sign() -> int
Quantity.isInteger() -> bool
Quantity.asInteger() -> int
Quantity.asApproximateFloat() -> double
Quantity.add(Quantity) -> Quantity
Quantity.add(int) -> Quantity
Quantity.sub(Quantity) -> Quantity
Quantity.sub(int) -> Quantity
Quantity.isGreaterThan(Quantity) -> bool
Quantity.isLessThan(Quantity) -> bool
Quantity.compareTo(Quantity) -> int
ip(string) -> IP
isIP(string) -> bool
ip.isCanonical(string) -> bool
IP.family() -> int
IP.isUnspecified() -> bool
IP.isLoopback() -> bool
IP.isLinkLocalMulticast() -> bool
IP.isLinkLocalUnicast() -> bool
IP.isGlobalUnicast() -> bool
cidr(string) -> CIDR
isCIDR(string) -> bool
CIDR.containsIP(string) -> bool
CIDR.containsIP(IP) -> bool
CIDR.containsCIDR(string) -> bool
CIDR.containsCIDR(CIDR) -> bool
CIDR.ip() -> IP
CIDR.masked() -> CIDR
CIDR.prefixLength() -> int
format.dns1123Label() -> Format
format.dns1123Subdomain() -> Format
format.dns1035Label() -> Format
format.qualifiedName() -> Format
format.dns1123LabelPrefix() -> Format
format.dns1123SubdomainPrefix() -> Format
format.dns1035LabelPrefix() -> Format
format.labelValue() -> Format
format.uri() -> Format
format.uuid() -> Format
format.byte() -> Format
format.date() -> Format
format.datetime() -> Format
format.named(string) -> dyn
Format.validate(string) -> dyn
semver(string) -> Semver
semver(string, bool) -> Semver
isSemver(string) -> bool
isSemver(string, bool) -> bool
Semver.major() -> int
Semver.minor() -> int
Semver.patch() -> int
Semver.isGreaterThan(Semver) -> bool
Semver.isLessThan(Semver) -> bool
Semver.compareTo(Semver) -> int
"""
_SIGNATURE = re.compile(r"(?:(\w+)\.)?(\w+)\(([\w, ]*)\) -> (\w+)")
_NAMESPACES = {"strings", "lists", "sets", "ip", "format"}

_LIST, _MAP = cel.Type.List(cel.Type.DYN), cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_PLAIN = {
    "string": cel.Type.STRING,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "bool": cel.Type.BOOL,
    "dyn": cel.Type.DYN,
    "list": _LIST,
    "strings": cel.Type.List(cel.Type.STRING),
    "ints": cel.Type.List(cel.Type.INT),
    "query": cel.Type.Map(cel.Type.STRING, cel.Type.List(cel.Type.STRING)),
}
_OPAQUE = {
    name: cel.Type.AbstractType(f"kubernetes.{name}") for name in ("URL", "Quantity", "IP", "CIDR", "Format", "Semver")
}
_ANY_ARGUMENT = (cel.Type.INT, cel.Type.DOUBLE, cel.Type.STRING, cel.Type.BOOL, _LIST, _MAP)

REWRITTEN = {"validate": "__validate", "named": "__named"}
"""Functions that give an optional value, which one written in Python cannot: these give a list of one or none."""


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    member: bool
    parameters: tuple[str, ...]
    result: str


def _signatures() -> list[Signature]:
    found = []
    for line in _SIGNATURES.strip().splitlines():
        match = _SIGNATURE.fullmatch(line)
        assert match is not None, f"not a signature: {line}"
        before, name, arguments, result = match.groups()
        parameters = tuple(item.strip() for item in arguments.split(",") if item.strip())
        if before in _NAMESPACES:
            found.append(Signature(f"{before}.{name}", False, parameters, result))
        elif before:
            found.append(Signature(name, True, (before, *parameters), result))
        else:
            found.append(Signature(name, False, parameters, result))
    return found


def declarations() -> list[cel.FunctionDecl]:
    """The functions with their types, for the check of a rule."""
    types = {**_PLAIN, **_OPAQUE}
    return _grouped(
        (item.name, item.member, types[item.result], tuple(types[name] for name in item.parameters))
        for item in _signatures()
    )


def implementations() -> list[cel.FunctionDecl]:
    """The functions as they are called when a rule is evaluated."""
    return _grouped(_plain_overloads())


def _plain_overloads() -> Iterable[tuple[str, bool, cel.Type, tuple[cel.Type, ...]]]:
    for item in _signatures():
        last = item.name.rpartition(".")[2]
        name, result = item.name, _PLAIN.get(item.result, _MAP)
        if last in REWRITTEN:
            name, result = item.name.removesuffix(last) + REWRITTEN[last], _LIST
        choices = [_ANY_ARGUMENT if kind == "dyn" else (_PLAIN.get(kind, _MAP),) for kind in item.parameters]
        for parameters in itertools.product(*choices):
            yield name, item.member, result, parameters


def _grouped(overloads: Iterable[tuple[str, bool, cel.Type, tuple[cel.Type, ...]]]) -> list[cel.FunctionDecl]:
    groups: dict[str, dict[str, cel.Overload]] = {}
    for name, member, result, parameters in overloads:
        identity = f"{name}{'_member' if member else ''}({','.join(kind.name() for kind in parameters)})"
        overload = cel.Overload(identity, result, list(parameters), is_member=member, impl=FUNCTIONS[name])
        groups.setdefault(name, {}).setdefault(identity, overload)
    return [cel.FunctionDecl(name, list(found.values())) for name, found in groups.items()]
