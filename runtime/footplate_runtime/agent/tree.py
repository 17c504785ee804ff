"""Which file of the tree is which object of the store. Everything the agent brings to the store is named here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from stat import S_ISREG

from footplate_runtime import contract
from footplate_runtime.agent.ignored import IgnoreFile, excluded
from footplate_runtime.agent.scan import Found, Scan
from footplate_runtime.agent.uploader import Item
from footplate_runtime.files import Stamp, unfinished
from footplate_runtime.orders import Orders, Place
from footplate_runtime.store import key_of_path, path_of_key


class Listing:
    """One look at a folder of the tree: iterate over its files once, then ask what it could not see."""

    def __init__(
        self, scan: Scan, found: Iterable[Found], folder: str, prefix: str, foreign: Mapping[str, Stamp]
    ) -> None:
        self._scan, self._found, self._foreign = scan, found, foreign
        self._top, self._prefix = folder.encode() + b"/", prefix

    def __iter__(self) -> Iterator[Item]:
        for found in self._found:
            item = Item(self._top + found.path, self._prefix + key_of_path(found.path), found.stamp)
            if self._foreign.get(item.key) != item.stamp:
                yield item

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Keys of the files and folders that could not be looked at."""
        return tuple(self._prefix + key_of_path(path) for path in self._scan.unreadable)

    @property
    def saw_all(self) -> bool:
        """Whether what was not found is not there: the folder could be listed, and all below it."""
        return self._scan.there and not self._scan.unreadable


class Tree:
    """The files of one replica and their keys, relative to the run.

    ``enter`` is called with every folder (relative to the root) before it is listed.
    """

    enter: Callable[[bytes], None] = staticmethod(lambda folder: None)

    def __init__(
        self,
        place: Place,
        orders: Orders,
        log: Callable[[str], None] = lambda message: None,
    ) -> None:
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
        self._excluded = excluded(orders.exclude)
        self._ignored = IgnoreFile(self.root, contract.OUTPUTS.encode(), log)
        self._foreign: dict[str, Stamp] = {}

    def disown(self, key: str, stamp: Stamp) -> None:
        """This output came from another replica: it is not ours until the program changes it."""
        self._foreign[key] = stamp

    def outputs(self, final: bool) -> Listing:
        """All outputs of ours; before the final look without those whose names say that they will be renamed."""
        self._ignored.refresh()
        scan = self._outputs_scan(final)
        return Listing(scan, scan, contract.OUTPUTS, self.outputs_folder, self._foreign)

    def outputs_at(self, path: bytes) -> Listing:
        """What lies at one path below outputs/ now, that of the folder included, as ``outputs`` would find it."""
        scan = self._outputs_scan(final=False)
        return Listing(scan, scan.at(path), contract.OUTPUTS, self.outputs_folder, self._foreign)

    def logs(self) -> Listing:
        """The user's own logs."""
        scan = Scan(self._path(contract.LOGS), enter=self._entering(contract.LOGS))
        return Listing(scan, scan, contract.LOGS, self.logs_folder, {})

    def streams(self) -> Iterator[Item]:
        """The console and the metrics, also those that the agent derives; those that there are."""
        yield from self._single(contract.CONSOLE, self.console_key)
        yield from self._single(contract.METRICS, self.metrics_key)
        for path, key in self._derived.items():
            yield from self._single(path.decode(), key)

    def is_derived(self, item: Item) -> bool:
        """Whether the agent itself has written this."""
        return item.path in self._derived

    def own_logs(self) -> tuple[Item, ...]:
        """What the agent and fetch said. They grow as well, and nobody's success depends on them."""
        return tuple(item for path, key in self._own_logs.items() for item in self._single(path, key))

    def is_gone(self, key: str) -> bool:
        """Whether there is no file or folder any more whose object among the outputs this is."""
        path = os.path.join(self._path(contract.OUTPUTS), path_of_key(key.removeprefix(self.outputs_folder)))
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    def _outputs_scan(self, final: bool) -> Scan:
        def skip(path: bytes, is_folder: bool) -> bool:
            if not final and unfinished(path):
                return True
            return self._excluded(path) or self._ignored.matches(path, is_folder)

        return Scan(self._path(contract.OUTPUTS), skip, self._entering(contract.OUTPUTS))

    def _entering(self, folder: str) -> Callable[[bytes], None]:
        top = folder.encode()
        return lambda path: self.enter(top + b"/" + path if path else top)

    def _path(self, folder: str) -> bytes:
        return os.path.join(self.root, folder.encode())

    def _single(self, path: str, key: str) -> Iterator[Item]:
        try:
            stat = os.lstat(os.path.join(self.root, path.encode()))
        except (FileNotFoundError, NotADirectoryError):
            return
        if S_ISREG(stat.st_mode):  # a link in its place is not ours to follow
            yield Item(path.encode(), key, Stamp.of(stat))
