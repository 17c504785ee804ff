"""What is said of a store besides its address and its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class StoreSettings(NamedTuple):
    """``endpoint``: a URL, of S3-compatible servers and emulators. ``path_style``: the bucket is a folder of the
    endpoint, not a part of its host name; None: as AWS_VIRTUAL_HOSTED_STYLE_REQUEST says, by default yes.
    ``ca_certificate``: PEM of the CAs to trust besides the system's.
    """

    endpoint: str | None = None
    region: str | None = None
    path_style: bool | None = None
    ca_certificate: str | None = None

    @classmethod
    def parse(cls, store: Mapping[str, Any]) -> StoreSettings:
        """From ``store`` of launch.json."""
        return cls(store.get("endpoint"), store.get("region"), store.get("pathStyle"), store.get("caCertificate"))
