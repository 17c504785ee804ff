"""Addresses and names of pods: 127.66.x.y each, and the hosts file that names them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_FIRST, _LAST = 1, 65534  # of 127.66.0.0/16: a whole loopback network, Linux answers on all of it


class Addresses:
    """Gives out addresses in turn, so that a new pod rarely gets the one of a pod that has just ended.

    The network is one for the whole machine: clusters in different homes begin at different places of it, so that
    their pods rarely meet at one address, where both could not listen on the same port.
    """

    def __init__(self, home: Path) -> None:
        self._used: set[str] = set()
        self._next = _FIRST + zlib.crc32(os.fsencode(home)) % _LAST

    def hold(self, address: str) -> None:
        """ADDRESS is in use: by a pod that an earlier node has started."""
        self._used.add(address)

    def take(self) -> str:
        for _ in range(_FIRST, _LAST + 1):
            number = self._next
            self._next = _FIRST if number == _LAST else number + 1
            address = f"127.66.{number >> 8}.{number & 255}"
            if address not in self._used:
                self._used.add(address)
                return address
        raise RuntimeError("all 65534 pod addresses are in use")

    def release(self, address: str) -> None:
        self._used.discard(address)


def hosts_text(pods: Iterable[tuple[Mapping[str, Any], str]]) -> str:
    """A hosts file for the PODS (object, address) with a hostname and a subdomain; of two of one name the newest."""
    newest: dict[str, str] = {}
    for pod, address in sorted(pods, key=lambda entry: entry[0]["metadata"].get("creationTimestamp", "")):
        hostname, subdomain = pod["spec"].get("hostname"), pod["spec"].get("subdomain")
        if hostname and subdomain:
            short = f"{hostname}.{subdomain}"
            name = f"{short}.{pod['metadata']['namespace']}.svc"
            newest[name] = f"{address} {name} {name}.cluster.local {short}"
    return "".join(f"{newest[name]}\n" for name in sorted(newest))


def write_hosts(path: Path, text: str) -> None:
    """Atomic; nothing when it says so already."""
    try:
        if path.read_text(encoding="utf-8") == text:
            return
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)
