"""When a pod is made for a job's record, and when the job is let go."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from job_factory import CONTEXT, UID, agent_report, at, ddp, ended, failed_pod, make_job, make_pod, stamp, succeeded_pod
from pod_security import violations

from footplate.api.training_job import TrainingJob
from footplate.constants import FINALIZER
from footplate.engine.keys import Key
from footplate.jobs.observe import Observed, RecorderView
from footplate.jobs.plan import plan
from footplate.jobs.record import LIMIT, as_variable, verdict
from footplate.jobs.scene import Recording

RUN = {"uri": "s3://runs/", "files": 2, "bytes": 1500, "manifestDigest": "sha256:" + "a" * 64}
ONE = {"worker": {"desired": 1}}


def job(phase: str = "Failed", deleted: float | None = None, held: bool = True, **more: Any) -> TrainingJob:
    """A job that ended 10 s after its creation."""
    status = {
        "phase": phase,
        "reason": "x",
        "message": "y",
        "attempt": 1,
        "attempts": [{"number": 1, "endTime": stamp(10), "reason": "x"}],
        "replicas": ONE,
        "run": RUN,
        "completionTime": stamp(10),
        **more,
    }
    made = make_job(status=status)
    changes = {
        "finalizers": (FINALIZER,) if held else (),
        "deletion_timestamp": None if deleted is None else at(deleted),
    }
    return made.model_copy(update={"metadata": made.metadata.model_copy(update=changes)})


def recorder(recorded: str = "Failed-1", phase: str = "Running", **more: Any) -> RecorderView:
    key = Key("Pod", "default", "digits-record")
    return replace(RecorderView(key, "r-1", "1", UID, None, phase, recorded, None, "", False), **more)


def decided(made: TrainingJob, seconds: float = 11, **observed: Any) -> Recording:
    return plan(made, Observed(**observed), CONTEXT, at(seconds)).recording


def told(recording: Recording) -> dict[str, Any]:
    assert recording.create is not None
    (container,) = recording.create["spec"]["containers"]
    (value,) = (entry["value"] for entry in container["env"] if entry["name"] == "FOOTPLATE_RECORD")
    found: dict[str, Any] = json.loads(value.replace("$$", "$"))
    return found


def test_a_job_that_completed_in_one_pod_has_written_it_itself() -> None:
    assert decided(job("Completed"), pods=[succeeded_pod(0)]) == Recording(release=True)
    assert decided(job("Completed"), gone=[succeeded_pod(0)]) == Recording(release=True)


@pytest.mark.parametrize(
    ("more", "pods"),
    [
        ({}, []),
        ({}, [make_pod(0, train=ended(0), agent=ended(0, message=agent_report(record=None)))]),
        ({}, [make_pod(0, train=ended(0), agent=ended(0, message=agent_report(manifestDigest="sha256:b")))]),
        ({}, [succeeded_pod(0, attempt=2)]),
        ({"replicas": {"worker": {"desired": 2}}}, [succeeded_pod(0), succeeded_pod(1)]),
    ],
    ids=["not seen", "not written", "another manifest", "another attempt", "two pods"],
)
def test_otherwise_a_pod_does(more: dict[str, Any], pods: list[Any]) -> None:
    assert told(decided(job("Completed", **more), pods=pods))["phase"] == "Completed"


@pytest.mark.parametrize("phase", ["Failed", "Canceled"])
def test_other_ends_are_always_written_by_a_pod(phase: str) -> None:
    recording = decided(job(phase), pods=[failed_pod(0)])
    assert told(recording)["phase"] == phase
    assert not recording.release


def test_without_the_finalizer_all_is_said() -> None:
    assert decided(job(held=False)) == Recording()


def test_it_is_awaited_and_then_the_job_is_let_go() -> None:
    assert decided(job(), recorder=recorder()) == Recording(after=5)
    done = decided(job(), recorder=recorder(phase="Succeeded"))
    assert (done.release, done.delete and done.delete.uid, done.event) == (True, "r-1", None)


@pytest.mark.parametrize("code", [1, 2])
def test_one_that_gives_up_is_told_of(code: int) -> None:
    recording = decided(job(), recorder=recorder(phase="Failed", exit_code=code, message="the store is away"))
    assert recording.release
    assert recording.event is not None
    assert recording.event.message == "run.json does not tell of the job's end: the store is away"


def test_one_that_was_killed_is_made_again() -> None:
    recording = decided(job(), recorder=recorder(phase="Failed", exit_code=137))
    assert (recording.release, recording.delete and recording.delete.uid) == (False, "r-1")
    assert decided(job(), recorder=recorder(phase="Failed", exit_code=137, deleting=True)).delete is None
    assert decided(job()).create is not None


def test_one_that_speaks_of_an_earlier_end_makes_room() -> None:
    """A job that was suspended and then canceled."""
    recording = decided(job("Canceled"), recorder=recorder("Suspended-1", phase="Succeeded"))
    assert (recording.release, recording.delete and recording.delete.uid) == (False, "r-1")


@pytest.mark.parametrize(
    ("deleted", "seconds", "released"),
    [(None, 309, False), (None, 311, True), (20, 79, False), (20, 81, True), (5, 69, False), (5, 71, True)],
)
def test_nothing_waits_for_it_for_ever(deleted: float | None, seconds: float, released: bool) -> None:
    """Five minutes after the end, one while the job is being deleted."""
    for found in (recorder(), None):
        recording = decided(job(deleted=deleted), seconds, recorder=found)
        assert recording.release == released
        assert (recording.event is not None) == released


def test_a_suspended_job_has_a_record_and_keeps_its_recorder_until_it_goes_on() -> None:
    suspended = job("Suspended", completionTime=None)
    suspended = suspended.model_copy(update={"spec": suspended.spec.model_copy(update={"suspend": True})})
    assert told(decided(suspended))["phase"] == "Suspended"
    assert decided(suspended, recorder=recorder("Suspended-1", phase="Succeeded")) == Recording()
    going_on = suspended.model_copy(update={"spec": suspended.spec.model_copy(update={"suspend": False})})
    gone = decided(going_on, recorder=recorder("Suspended-1", phase="Succeeded")).delete
    assert gone is not None


def test_a_job_that_never_ran_is_suspended_without_a_record() -> None:
    made = make_job(suspend=True, status={"phase": "Suspended"})
    assert decided(made) == Recording()


@pytest.mark.parametrize("running", [True, False])
def test_a_job_that_is_deleted_is_stopped_like_a_canceled_one(running: bool) -> None:
    made = job("Running", deleted=20, completionTime=None, attempts=[{"number": 1, "startTime": stamp(2)}])
    if running:
        step = plan(made, Observed(pods=[make_pod(0)]), CONTEXT, at(21))
        assert (step.status.phase, step.status.reason) == ("Finalizing", "Deleting")
        assert [deletion.name for deletion in step.delete] == ["digits-1-worker-0"]
    else:
        pods = [
            make_pod(0, phase="Failed", train=ended(143, end=22), agent=ended(0, message=agent_report()), deleted=22)
        ]
        step = plan(made, Observed(pods=pods), CONTEXT, at(23))
        assert (step.status.phase, step.status.reason) == ("Canceled", "Deleted")
        assert step.status.attempts[0].reason == "Deleted"


def test_what_the_cluster_asks_of_pods_the_recorder_has_too() -> None:
    template = {
        "metadata": {"labels": {"team": "vision"}},
        "spec": {
            "serviceAccountName": "trainer",
            "nodeSelector": {"gpu": "h100"},
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
        },
    }
    made = make_job(status=job().status.to_json(), podTemplate=template)
    made = made.model_copy(update={"metadata": job().metadata})
    pod = decided(made).create
    assert pod is not None
    assert pod["metadata"]["labels"]["team"] == "vision"
    assert (pod["spec"]["serviceAccountName"], len(pod["spec"]["tolerations"])) == ("trainer", 1)
    assert "nodeSelector" not in pod["spec"], "it needs no GPU"
    assert violations({**pod}, "restricted", "1.34") == []
    assert pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_long_spec_fits_into_a_variable() -> None:
    for spec in (
        {"podTemplate": {"metadata": {"annotations": {"a": "x" * LIMIT}}}},
        {"parameters": {"a": "x" * LIMIT}},
    ):
        made = make_job(**ddp(2), **spec)
        value = as_variable(verdict(made, CONTEXT))
        assert len(value) < LIMIT
        assert json.loads(value)["job"]["name"] == "digits"


def test_kubernetes_expands_nothing_in_it() -> None:
    made = make_job(entrypoint={"script": "train.py", "args": ["$(inputs.digits)", "$$(x)"]})
    value = as_variable(verdict(made, CONTEXT))
    assert "$$(inputs.digits)" in value
    assert "$$$$(x)" in value
