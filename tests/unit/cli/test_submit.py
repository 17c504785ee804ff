from __future__ import annotations

from typing import Any

import pytest

from footplate.cli.manifests import Manifest, parse
from footplate.cli.submit import Choice, choose

SPEC = {"image": "python:3.13", "entrypoint": {"command": ["true"]}}
OTHER = {"image": "python:3.12", "entrypoint": {"command": ["true"]}}


def job(name: str, phase: str | None = None, spec: dict[str, Any] = SPEC, **metadata: str) -> dict[str, Any]:
    """As the API server gives it: with its defaults."""
    return {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", **metadata},
        "spec": {**spec, "nodes": 1, "experiment": "default", "suspend": False},
        "status": {"phase": phase} if phase else {},
    }


def wanted(name: str = "digits") -> Manifest:
    (manifest,) = parse(
        "{apiVersion: footplate.dev/v1alpha1, kind: TrainingJob, "
        f"metadata: {{name: {name}}}, spec: {{image: 'python:3.13', entrypoint: {{command: ['true']}}}}}}",
        "job.yaml",
    )
    return manifest


def test_the_first_run_has_the_name_of_the_file() -> None:
    assert choose(wanted(), [job("other", "Running")], fresh=False) == Choice(None, "digits", None)


@pytest.mark.parametrize("phase", ["Completed", "Failed", "Canceled"])
def test_after_the_end_there_is_a_new_run(phase: str) -> None:
    choice = choose(wanted(), [job("digits", phase)], fresh=False)
    assert choice == Choice(None, "digits-2", "digits has finished; this run is digits-2")


def test_numbers_go_on() -> None:
    jobs = [job("digits", "Completed"), job("digits-2", "Failed"), job("digits-10", "Completed")]
    assert choose(wanted(), jobs, fresh=False).create == "digits-3"
    assert choose(wanted(), jobs, fresh=False).note == "digits-10 has finished; this run is digits-3"


@pytest.mark.parametrize("phase", [None, "Preparing", "Queued", "Running", "Finalizing", "Suspended"])
def test_a_run_under_way_is_followed(phase: str | None) -> None:
    choice = choose(wanted(), [job("digits", phase)], fresh=False)
    assert choice == Choice("digits", "", "digits is already running; following it")


def test_the_newest_run_under_way_is_followed() -> None:
    jobs = [job("digits", "Completed"), job("digits-2", "Running"), job("digits-11", "Running")]
    assert choose(wanted(), jobs, fresh=False).attach == "digits-11"


def test_another_spec_is_another_run() -> None:
    choice = choose(wanted(), [job("digits", "Running", OTHER)], fresh=False)
    assert choice.attach is None
    assert choice.create == "digits-2"
    assert choice.note == "digits is already running with other code or another spec; this is digits-2"


def test_changed_code_is_another_run() -> None:
    assert choose(wanted(), [job("digits", "Running")], fresh=True).create == "digits-2"


def test_a_run_that_is_being_deleted_is_no_run() -> None:
    deleted = job("digits", "Running", deletionTimestamp="2026-01-01T00:00:00Z")
    assert choose(wanted(), [deleted], fresh=False).create == "digits-2"


@pytest.mark.parametrize("stranger", ["digits-1", "digits-02", "digits-ddp", "digits-ddp-2", "digit-2", "digits-2-2"])
def test_other_jobs_are_not_runs_of_this_one(stranger: str) -> None:
    choice = choose(wanted(), [job(stranger, "Running")], fresh=False)
    assert choice == Choice(None, "digits", None)


def test_a_long_name_makes_room_for_its_number() -> None:
    name = "a" * 50
    first = choose(wanted(name), [job(name, "Completed")], fresh=False)
    assert first.create == "a" * 48 + "-2"
    second = choose(wanted(name), [job(name, "Completed"), job(first.create, "Running")], fresh=False)
    assert second.attach == first.create


def test_a_spec_that_is_none_equals_none() -> None:
    manifest = Manifest(wanted().resource, {**wanted().body, "spec": {"nodes": "many"}}, "job.yaml")
    assert choose(manifest, [job("digits", "Running")], fresh=False).create == "digits-2"
