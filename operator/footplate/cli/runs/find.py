"""From a word on the command line to runs: all of a namespace, or the one that a name means."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, TypeVar

from footplate.cli.problem import CommandFailed, UsageError
from footplate.cli.runs.address import Address, Where
from footplate.cli.runs.known import Json, Known, known, run_uri, store_of
from footplate.cli.runs.run import Run, is_uid, job_name
from footplate_runtime.contract import RECORD
from footplate_runtime.store import NotFound, Store, StoreError

T = TypeVar("T")

_READERS = 32  # small objects at once: the time of a request is nearly all waiting
_OLD = datetime.min.replace(tzinfo=UTC)


class Place(NamedTuple):
    """A run in a store, before anything of it was read."""

    store: Address
    namespace: str
    folder: str

    @property
    def address(self) -> Address:
        return self.store.below(f"{self.namespace}/{self.folder}/")


@dataclass(frozen=True, slots=True)
class Found:
    """A run and its place in a store. `notes` are sentences for the user: what else the name could mean."""

    run: Run
    address: Address
    notes: Sequence[str] = ()

    def open(self) -> Store:
        return self.address.open()


class Listing(NamedTuple):
    """Runs, and sentences about the stores that could not be read."""

    runs: list[Run]
    notes: list[str]


def all_runs(known: Known) -> Listing:
    """Every run of the stores, and the jobs of the cluster that have none yet.

    One store that cannot be read hides no other. Raises StoreError when none can.
    """
    jobs = _by_folder(known.jobs)
    found, errors = _each(known.stores, lambda store: _read([*_places(store, known.namespace, _is_run)], jobs))
    if errors and not known.jobs and not found:
        raise errors[0]
    stored = {(run.namespace, run.folder) for run in found}
    unstored = [_unstored(job) for folder, job in jobs.items() if folder not in stored]
    return Listing(found + unstored, [str(error) for error in errors])


def find_run(where: Where, name: str) -> Found:
    """The run that `name` means: an address, `<job>-<uid8>`, or a job, whose newest run it is then.

    Raises UsageError when there is none, CommandFailed when it has nothing in a store yet, StoreError.
    """
    if "://" in name:
        return found_at(where, name)
    return find_known(known(where, name), name)


def found_at(where: Where, uri: str) -> Found:
    """The run at an address. Raises UsageError when none is there."""
    address = where.address(uri.rstrip("/") + "/")
    store = address.open()
    record = _record(store, RECORD)
    if record is None and next(iter(store.folders()), None) is None:
        raise UsageError(f"there is no run at {address.uri}")
    *_, namespace, folder = address.uri.rstrip("/").split("/")
    return Found(Run(address.uri, namespace, folder, record or {}), address)


def again(found: Found) -> Found:
    """The same run as its record is now. Raises StoreError."""
    record = _record(found.open(), RECORD) or found.run.record
    return replace(found, run=replace(found.run, record=record))


def find_known(known: Known, name: str) -> Found:
    """`find_run` for a name, once it is known where to look."""
    notes = [known.note] if known.note else []
    job = next((job for job in known.jobs if job["metadata"]["name"] == name), None)
    if job is not None:
        return _of_job(job, known)
    matches: Sequence[Callable[[str], bool]] = (lambda folder: folder == name, lambda folder: job_name(folder) == name)
    for match in matches:
        places, errors = _each(known.stores, partial(_matching, known.namespace, match))
        if places:
            break
    else:
        raise errors[0] if errors else _nothing(known, name)
    notes += [str(error) for error in errors]
    jobs = _by_folder(known.jobs)
    newest, *others = sorted(_read(places, jobs), key=lambda run: run.start or run.created or _OLD, reverse=True)
    address = next(p.address for p in places if p.address.uri == newest.uri)
    if others:
        named = ", ".join(_told(run, known) for run in others[:5]) + (", …" if len(others) > 5 else "")
        notes.append(f"{name} is here the newest of {len(places)} runs, {_told(newest, known)}; the others: {named}")
    return Found(newest, address, notes)


def _of_job(job: Json, known: Known) -> Found:
    """Its run: where the status says, or, of one that failed before it had a pod, wherever its record is."""
    namespace, folder = _folder(job)
    uri = run_uri(job)
    errors: Sequence[StoreError] = ()
    if uri is not None:
        store = next((store for store in known.stores if store.uri == store_of(uri)), Address(store_of(uri)))
        places = [Place(store, namespace, folder)]
    else:
        places, errors = _each(known.stores, partial(_matching, namespace, lambda found: found == folder))
    if not places:
        status = job.get("status") or {}
        said = ": ".join(str(status[field]) for field in ("phase", "message") if status.get(field))
        raise CommandFailed(f"{job['metadata']['name']} has nothing in the store yet ({said or 'Submitted'})")
    notes = tuple(str(error) for error in errors)
    return Found(_read(places[:1], {(namespace, folder): job})[0], places[0].address, notes)


def _places(store: Address, namespace: str | None, wanted: Callable[[str], bool]) -> Iterable[Place]:
    opened = store.open()
    for name in [namespace] if namespace is not None else opened.folders():
        yield from (Place(store, name, folder) for folder in opened.folders(f"{name}/") if wanted(folder))


def _matching(namespace: str | None, match: Callable[[str], bool], store: Address) -> list[Place]:
    return list(_places(store, namespace, match))


def _each(stores: Iterable[Address], action: Callable[[Address], list[T]]) -> tuple[list[T], list[StoreError]]:
    """What the action found in all stores, and why it failed in others."""
    found: list[T] = []
    errors: list[StoreError] = []
    for store in stores:
        try:
            found += action(store)
        except StoreError as error:
            errors.append(error)
    return found, errors


def _folder(job: Json) -> tuple[str, str]:
    """The namespace and the folder in it that a job's run has in any store."""
    metadata = job["metadata"]
    return metadata["namespace"], f"{metadata['name']}-{metadata['uid'][:8]}"


def _by_folder(jobs: Iterable[Json]) -> dict[tuple[str, str], Json]:
    return {_folder(job): job for job in jobs}


def _is_run(folder: str) -> bool:
    return is_uid(folder.rpartition("-")[2])  # beside the runs lie the registered models


def _read(places: Sequence[Place], jobs: dict[tuple[str, str], Json]) -> list[Run]:
    """Their records, many at once; one client for each store."""
    stores = {address: address.open() for address in {place.store for place in places}}

    def read(place: Place) -> Run:
        record = _record(stores[place.store], f"{place.namespace}/{place.folder}/{RECORD}")
        job = jobs.get((place.namespace, place.folder))
        return Run(place.address.uri, place.namespace, place.folder, record or {}, job)

    with ThreadPoolExecutor(_READERS) as readers:
        return list(readers.map(read, places))


def _record(store: Store, key: str) -> Json | None:
    """A run's record; None when it has none yet, {} when it is none."""
    try:
        found = json.loads(store.get(key))
    except NotFound:
        return None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _unstored(job: Json) -> Run:
    """A job that has nothing in a store: it has not started, or it lies in one that nobody named."""
    return Run(run_uri(job) or "", *_folder(job), {}, job)


def _told(run: Run, known: Known) -> str:
    where = run.folder if known.namespace is not None else f"{run.namespace}/{run.folder}"
    return f"{where} of {run.start:%Y-%m-%d %H:%M}" if run.start else where


def _nothing(known: Known, name: str) -> Exception:
    where = f" in namespace {known.namespace}" if known.namespace is not None else ""
    if not known.stores:
        said = (
            f"there is no TrainingJob {name}{where}, and no job there says where runs lie; name the store: --store URI"
        )
        return CommandFailed(said)
    stores = " or ".join(address.uri for address in known.stores)
    return UsageError(f"there is no run {name}{where} of {stores}; footplate runs lists those that are there")
