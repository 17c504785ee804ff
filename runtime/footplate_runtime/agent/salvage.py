"""Brings what a kept volume holds to the store: the drain of an agent that did not come to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from footplate_runtime import contract
from footplate_runtime.agent.agent import Agent, Surroundings
from footplate_runtime.agent.alone import AtWork, work_alone
from footplate_runtime.agent.report import Result, Status
from footplate_runtime.orders import Orders, Place
from footplate_runtime.replica_file import read_replica_file
from footplate_runtime.store import StoreSettings
from footplate_runtime.turns import Turn, holder


class NotSalvaged(Exception):
    """Nothing was written, for the reason in one sentence."""


class Salvage:
    """The replica whose volume lies in a folder, ready to be uploaded.

    ``store`` is the address of another store than the one that the job had; ``env`` has the keys. What the volume's
    journal says is in the job's store is not sent again; another store has a journal of its own beside it.
    """

    def __init__(self, pod_dir: Path, store: str | None, env: Mapping[str, str], around: Surroundings) -> None:
        """Raises ``InvalidOrders``, ``InvalidStore``, any other ``StoreError``, and ``NotSalvaged``."""
        self.place, orders = read_replica_file(pod_dir)
        journal = contract.JOURNAL
        if store is not None:
            orders = _in_other_store(orders, store)
            journal = f"{journal}.{hashlib.sha256(orders.run_uri.encode()).hexdigest()[:8]}"
        self.run_uri = orders.run_uri
        opened = orders.open_store(env)
        _refuse_older(self.place, holder(opened, orders.home(self.place.replica)).turn)
        try:
            work_alone(self.place.root)
            self._agent = Agent(self.place, orders, opened, around, journal)
        except AtWork as error:
            raise NotSalvaged(f"{error} Wait until the pod has ended, or delete it.") from error
        except OSError as error:
            state = self.place.root / contract.STATE
            raise NotSalvaged(f"{state} cannot be written: {error.strerror}; work on a copy of the volume.") from error

    @property
    def status(self) -> Status:
        """How far it is; for any thread."""
        return self._agent.status

    def run(self, seconds: float) -> Result:
        """Upload until the store has all that lies in the volume, for so many seconds at most; in the main thread."""
        return self._agent.drain(seconds)


def _in_other_store(orders: Orders, store: str) -> Orders:
    """The same run below another address; the settings were those of the job's own."""
    run = "/".join(orders.run_uri.rstrip("/").split("/")[-2:])  # <namespace>/<job>-<uid8>
    return orders._replace(run_uri=f"{store.rstrip('/')}/{run}/", store_settings=StoreSettings())


def _refuse_older(place: Place, latest: Turn) -> None:
    if latest > Turn.of(place):
        later = f"attempt {latest.attempt}" if latest.attempt > place.attempt else "a replacement"
        raise NotSalvaged(
            f"This volume is of attempt {place.attempt}, and {later} of {place.replica} has begun: older outputs must "
            "not go over its own. --store keeps them elsewhere."
        )
