"""Which file of the tree is which object of the store. Everything the agent brings to the store is named here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from stat import S_ISREG
from typing import NamedTuple

from footplate_runtime import contract
from footplate_runtime.agent.scan import Scan, matcher
from footplate_runtime.agent.uploader import Item
from footplate_runtime.files import Stamp, unfinished
from footplate_runtime.orders import Orders, Place
from footplate_runtime.store import key_of_path


class Listing(NamedTuple):
    """What one look at the tree found, and the folders that could not be read."""

    items: tuple[Item, ...]
    unreadable: tuple[str, ...]


class Tree:
    """The files of one replica and their keys, relative to the run."""

    def __init__(self, place: Place, orders: Orders) -> None:
        self.root = os.fsencode(os.path.realpath(place.root))
        self.home = orders.home(place.replica)
        self.outputs_folder = f"{self.home}{contract.OUTPUTS}/"
        self.console_key = f"logs/{place.attempt}/{place.log_name}.log"
        self.logs_folder = f"logs/{place.attempt}/{place.log_name}/"
        self.metrics_key = f"metrics/{place.attempt}/{place.log_name}.jsonl"
        stem = self.metrics_key.removesuffix(".jsonl")
        self._derived = {
            contract.TENSORBOARD_METRICS.encode(): f"{stem}.tensorboard.jsonl",
            contract.STDOUT_METRICS.encode(): f"{stem}.stdout.jsonl",
        }
        self._own_logs = contract.own_log_keys(place.attempt, place.log_name)
        self._excluded = matcher(orders.exclude)
        self._foreign: dict[str, Stamp] = {}

    def disown(self, key: str, stamp: Stamp) -> None:
        """This output came from another replica: it is not ours until the program changes it."""
        self._foreign[key] = stamp

    def outputs(self, final: bool) -> Listing:
        """All outputs of ours; before the final look without those whose names say that they will be renamed."""

        def skip(path: bytes) -> bool:
            return self._excluded(path) or (not final and unfinished(path))

        found = self._listing(contract.OUTPUTS, self.outputs_folder, skip)
        own = tuple(item for item in found.items if self._foreign.get(item.key) != item.stamp)
        return Listing(own, found.unreadable)

    def growing(self) -> Listing:
        """The console, the metrics, those that the agent derives, and the user's own logs."""
        logs = self._listing(contract.LOGS, self.logs_folder, lambda path: False)
        single = (*self._single(contract.CONSOLE, self.console_key), *self._single(contract.METRICS, self.metrics_key))
        derived = (item for path, key in self._derived.items() for item in self._single(path.decode(), key))
        return Listing((*single, *derived, *logs.items), logs.unreadable)

    def is_derived(self, item: Item) -> bool:
        """Whether the agent itself has written this."""
        return item.path in self._derived

    def own_logs(self) -> tuple[Item, ...]:
        """What the agent and fetch said. They grow as well, and nobody's success depends on them."""
        return tuple(item for path, key in self._own_logs.items() for item in self._single(path, key))

    def _listing(self, folder: str, prefix: str, skip: Callable[[bytes], bool]) -> Listing:
        scan = Scan(os.path.join(self.root, folder.encode()), skip)
        top = folder.encode() + b"/"
        items = tuple(Item(top + found.path, prefix + key_of_path(found.path), found.stamp) for found in scan)
        return Listing(items, tuple(prefix + key_of_path(path) for path in scan.unreadable))

    def _single(self, path: str, key: str) -> Iterator[Item]:
        try:
            stat = os.lstat(os.path.join(self.root, path.encode()))
        except (FileNotFoundError, NotADirectoryError):
            return
        if S_ISREG(stat.st_mode):  # a link in its place is not ours to follow
            yield Item(path.encode(), key, Stamp.of(stat))
