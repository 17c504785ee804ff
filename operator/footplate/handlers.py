"""Every kopf decorator of the operator. A handler hands the event on, in microseconds, and does nothing else.

Nothing else of kopf is used, so kopf writes nothing to the cluster: no finalizers, no annotations, no events.
"""

from __future__ import annotations

from typing import Any

import kopf

from footplate.constants import GROUP, LABEL_MANAGED_BY, MANAGED_BY, MANAGED_SELECTOR, VERSION
from footplate.watched import Watched

CHUNK = 500  # objects a page of the first list


def registry(watched: Watched) -> kopf.OperatorRegistry:
    """kopf's handlers for one operator."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)  # type: ignore[arg-type]
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_via_client(**kwargs)

    @kopf.on.event(GROUP, VERSION, "trainingjobs", registry=found)
    async def on_job(event: kopf.RawEvent, **_: Any) -> None:
        watched.on_job(event["type"], event["object"])

    @kopf.on.event(GROUP, VERSION, "environments", registry=found)
    async def on_environment(event: kopf.RawEvent, **_: Any) -> None:
        watched.on_environment(event["type"], event["object"])

    @kopf.on.event("", "v1", "pods", labels={LABEL_MANAGED_BY: MANAGED_BY}, registry=found)
    async def on_pod(event: kopf.RawEvent, **_: Any) -> None:
        watched.on_pod(event["type"], event["object"])

    return found


def settings() -> kopf.OperatorSettings:
    """kopf as a mere source of events: it posts nothing, scans nothing, and pages its lists."""
    found = kopf.OperatorSettings()
    found.posting.enabled = False
    found.scanning.disabled = True
    found.watching.chunk_size = CHUNK
    found.watching.server_timeout = 300
    found.watching.client_timeout = 310
    found.watching.label_selectors["pods"] = MANAGED_SELECTOR
    return found
