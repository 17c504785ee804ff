"""What a replica's volume says about itself: enough to bring what lies in it to the store when its pod is gone.

fetch leaves ``state/replica.json``, because a volume outlives the environment of its containers and the ConfigMap that
was mounted into it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from footplate_runtime import contract
from footplate_runtime.files import compact_json, write_atomically
from footplate_runtime.orders import InvalidOrders, Orders, Place

# Where the volume of a pod lies: a copy of it, the kubelet's folder of the pod, and that of the embedded node.
_PLACES = ("", "volumes/kubernetes.io~empty-dir/footplate", "volumes/footplate")


def write_replica_file(place: Place) -> None:
    """Leave the place and the orders in the tree. Raises ``InvalidOrders`` and ``OSError``."""
    launch = json.loads((place.root / contract.LAUNCH).read_bytes())
    told = {"attempt": place.attempt, "replica": place.replica, "replacement": place.replacement}
    write_atomically(place.root / contract.REPLICA, compact_json({"version": 1, **told, "launch": launch}))


def read_replica_file(pod_dir: Path) -> tuple[Place, Orders]:
    """The place and the orders of the replica whose volume lies in or below ``pod_dir``. Raises ``InvalidOrders``."""
    roots = [root for part in _PLACES if ((root := pod_dir / part) / contract.REPLICA).is_file()]
    if not roots:
        raise InvalidOrders(
            f"{pod_dir} holds no volume of a replica ({contract.REPLICA} is not there); name the folder of the pod on "
            "its node, /var/lib/kubelet/pods/<uid>, or a copy of its volume `footplate`."
        )
    path = roots[0] / contract.REPLICA
    try:
        told = json.loads(path.read_bytes())
        place = Place(
            root=roots[0].resolve(),
            attempt=int(told["attempt"]),
            replica=str(told["replica"]),
            termination_log=Path(os.devnull),
            replacement=int(told["replacement"]),
        )
        return place, Orders.parse(told["launch"])
    except OSError as error:
        raise InvalidOrders(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidOrders(f"{path} is not understood ({type(error).__name__}: {error}).") from error
