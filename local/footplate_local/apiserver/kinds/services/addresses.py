"""The addresses and ports that Services are given: unique, kept as long as the Service lives.

Which one is chosen follows from the uid of the Service, so that nothing but the Services themselves is remembered.
Source: kubernetes pkg/registry/core/service (ipallocator, portallocator), with the ranges that kubeadm sets.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Collection

SERVICES = ipaddress.IPv4Network("10.96.0.0/12")
NODE_PORTS = range(30000, 32768)
API_SERVER = str(SERVICES[1])
_RESERVED = 256
"""The first addresses are left to Services that ask for a certain one."""


def address(seed: str, taken: Collection[str], wanted: str | None = None) -> str:
    """A free address, or the wanted one. Raises ValueError when that is not free or not one of the range's."""
    if wanted:
        found = ipaddress.ip_address(wanted)
        if found not in SERVICES or found in (SERVICES[0], SERVICES[-1]):
            raise ValueError(
                f"the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {SERVICES}"
            )
        if wanted in taken:
            raise ValueError("provided IP is already allocated")
        return wanted
    count = SERVICES.num_addresses - 1 - _RESERVED
    start = _number(seed)
    places = (str(SERVICES[_RESERVED + (start + step) % count]) for step in range(count))
    return next(place for place in places if place not in taken)


def port(seed: str, taken: Collection[int], wanted: int | None = None) -> int:
    """A free port of the nodes, or the wanted one. Raises ValueError when that is not free, or none is."""
    if wanted:
        if wanted not in NODE_PORTS:
            text = f"{NODE_PORTS.start}-{NODE_PORTS.stop - 1}"
            raise ValueError(f"provided port is not in the valid range. The range of valid ports is {text}")
        if wanted in taken:
            raise ValueError("provided port is already allocated")
        return wanted
    start = _number(seed)
    for step in range(len(NODE_PORTS)):
        found = NODE_PORTS[(start + step) % len(NODE_PORTS)]
        if found not in taken:
            return found
    raise ValueError("range is full")


def _number(seed: str) -> int:
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8])
