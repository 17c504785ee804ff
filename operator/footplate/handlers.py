"""Every kopf decorator of the operator. A handler hands the event on, in microseconds, and does nothing else.

Nothing else of kopf is used, so kopf writes nothing to the cluster: no finalizers, no annotations, no events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import aiohttp
import kopf

from footplate.constants import GROUP, LABEL_MANAGED_BY, MANAGED_BY, MANAGED_SELECTOR, VERSION
from footplate.engine.clock import Clock
from footplate.kube.config import Credentials
from footplate.kube.tracing import WatchObserver, traced

Json = Mapping[str, Any]
CHUNK = 500  # objects a page of the first list
REFUSED_SECONDS = 10.0  # before credentials that were refused are tried again


class EventObserver(WatchObserver, Protocol):
    """Hears of kopf's calls and of the events that come of them."""

    def event_came(self, kind: str, event: str | None) -> None:
        """An event of that type (None: of a listing) about an object of that kind."""
        ...


class Events(Protocol):
    """What of Watched is used."""

    def on_job(self, event: str | None, body: Json) -> None: ...

    def on_pod(self, event: str | None, body: Json) -> None: ...

    def on_environment(self, event: str | None, body: Json) -> None: ...


class Known(Protocol):
    """What of KubeClient is used."""

    async def credentials(self) -> Credentials: ...


class Sessions:
    """kopf's connections, with the credentials of our client. Their calls are observed, which kopf's own are not."""

    def __init__(self, client: Known, observer: WatchObserver, clock: Clock) -> None:
        self._client = client
        self._observer = observer
        self._clock = clock
        self._given: Credentials | None = None

    async def open(self) -> kopf.AiohttpSession:
        """kopf comes for a session at its start, and after a 401 for another one.

        It is kept waiting when there are no other credentials than those that it has had: sessions always differ, so
        it would not see that they are the same, and ask without a pause for as long as the API server refuses them.
        """
        known = await self._client.credentials()
        if known == self._given:
            await self._clock.sleep(REFUSED_SECONDS)
            known = await self._client.credentials()
        self._given = known
        info = kopf.ConnectionInfo(
            server=known.server,
            ca_path=known.ca_path,
            insecure=known.insecure,
            token=known.token,
            certificate_path=known.certificate_path,
            private_key_path=known.key_path,
        )
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
            headers=info.as_http_headers(),
            proxy=known.proxy,
            trace_configs=[traced(self._observer, self._clock)],
        )
        return kopf.AiohttpSession(server=known.server, default_namespace=known.namespace, aiohttp_session=session)


def registry(watched: Events, client: Known, observer: EventObserver, clock: Clock) -> kopf.OperatorRegistry:
    """kopf's handlers for one operator; kopf's watches use the credentials of our client."""
    found = kopf.OperatorRegistry()

    sessions = Sessions(client, observer, clock)

    @kopf.on.login(registry=found)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return await sessions.open()

    @kopf.on.event(GROUP, VERSION, "trainingjobs", registry=found)
    async def on_job(event: kopf.RawEvent, **_: Any) -> None:
        observer.event_came("TrainingJob", event["type"])
        watched.on_job(event["type"], event["object"])

    @kopf.on.event(GROUP, VERSION, "environments", registry=found)
    async def on_environment(event: kopf.RawEvent, **_: Any) -> None:
        observer.event_came("Environment", event["type"])
        watched.on_environment(event["type"], event["object"])

    @kopf.on.event("", "v1", "pods", labels={LABEL_MANAGED_BY: MANAGED_BY}, registry=found)
    async def on_pod(event: kopf.RawEvent, **_: Any) -> None:
        observer.event_came("Pod", event["type"])
        watched.on_pod(event["type"], event["object"])

    return found


def settings() -> kopf.OperatorSettings:
    """kopf as a mere source of events: it posts nothing, scans nothing, and pages its lists."""
    found = kopf.OperatorSettings()
    found.posting.enabled = False
    found.scanning.disabled = True
    found.process.ultimate_exiting_timeout = None  # after which it would kill the process
    found.watching.chunk_size = CHUNK
    found.watching.server_timeout = 300
    found.watching.client_timeout = 310
    found.watching.label_selectors["pods"] = MANAGED_SELECTOR
    found.persistence.diffbase_storage = NothingCompared()
    return found


class NothingCompared(kopf.DiffBaseStorage):
    """For handlers of changes kopf copies every object that an event brings, half of its work; we have none."""

    def build(self, *, body: kopf.Body, extra_fields: Iterable[kopf.FieldSpec] | None = None) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> None:
        """Nothing was ever stored."""

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Called for handlers of changes alone."""
