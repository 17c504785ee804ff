"""The status that the kubelet would write, beyond what the pods of test_pod_lifecycle show."""

from __future__ import annotations

from typing import Any

import pytest

from footplate_local.node.lifecycle import Container, Ended, Kind, Pod, RestartPolicy
from footplate_local.node.status import Detail, Observed, Verdict, Waiting, merge_conditions, phase, pod_status

OK = Ended(exit_code=0, finished_at=30.0, reason="Completed", started_at=20.0)
BAD = Ended(exit_code=9, finished_at=30.0, reason="Error", started_at=20.0, message="told")


def observed(*containers: Container, finished: bool = False, **fields: Any) -> Observed:
    details = {c.name: Detail("image", "id", f"footplate://u/{c.name}/0", started_at=20.0) for c in containers}
    return Observed(
        pod=Pod(containers, RestartPolicy.NEVER, grace=30.0),
        details=fields.pop("details", details),
        pod_ip="127.66.0.1",
        host_ip="127.0.0.1",
        start_time=10.0,
        finished=finished,
        **fields,
    )


def test_a_running_pod_with_a_sidecar_whole() -> None:
    status = pod_status(
        observed(
            Container("fetch", Kind.INIT, ended=OK),
            Container("agent", Kind.SIDECAR, running=True),
            Container("train", Kind.MAIN, running=True),
        ),
        [],
        now=40.0,
    )
    moment = "1970-01-01T00:00:40Z"
    true = {"status": "True", "lastProbeTime": None, "lastTransitionTime": moment}
    running = {"image": "image", "imageID": "id", "ready": True, "started": True, "restartCount": 0, "lastState": {}}
    state = {"running": {"startedAt": "1970-01-01T00:00:20Z"}}
    assert status == {
        "phase": "Running",
        "reason": None,
        "message": None,
        "hostIP": "127.0.0.1",
        "hostIPs": [{"ip": "127.0.0.1"}],
        "podIP": "127.66.0.1",
        "podIPs": [{"ip": "127.66.0.1"}],
        "startTime": "1970-01-01T00:00:10Z",
        "conditions": [
            {"type": kind, **true}
            for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "initContainerStatuses": [
            {
                "name": "fetch",
                "image": "image",
                "imageID": "id",
                "containerID": "footplate://u/fetch/0",
                "ready": True,
                "started": False,
                "restartCount": 0,
                "lastState": {},
                "state": {
                    "terminated": {
                        "exitCode": 0,
                        "reason": "Completed",
                        "startedAt": "1970-01-01T00:00:20Z",
                        "finishedAt": "1970-01-01T00:00:30Z",
                        "containerID": "footplate://u/fetch/0",
                    }
                },
            },
            {"name": "agent", "containerID": "footplate://u/agent/0", "state": state, **running},
        ],
        "containerStatuses": [{"name": "train", "containerID": "footplate://u/train/0", "state": state, **running}],
    }


@pytest.mark.parametrize(
    ("main", "finished", "wanted"),
    [
        (Container("m", Kind.MAIN), False, "Pending"),
        (Container("m", Kind.MAIN, running=True), False, "Running"),
        (Container("m", Kind.MAIN, ended=BAD), False, "Running"),  # the sidecar has not ended yet
        (Container("m", Kind.MAIN, ended=OK), True, "Succeeded"),
        (Container("m", Kind.MAIN, ended=BAD), True, "Failed"),
        (Container("m", Kind.MAIN), True, "Failed"),  # stopped before it began
    ],
)
def test_phases(main: Container, finished: bool, wanted: str) -> None:
    assert phase(Pod((main,), RestartPolicy.NEVER, grace=30.0), finished) == wanted


def test_a_verdict_is_told_once_the_pod_has_failed() -> None:
    verdict = Verdict("Terminated", "the cluster was stopped", disrupted=31.0)
    running = pod_status(observed(Container("m", Kind.MAIN, running=True), verdict=verdict), [], 40.0)
    assert (running["phase"], running["reason"]) == ("Running", None)
    ended = pod_status(observed(Container("m", Kind.MAIN, ended=OK), finished=True, verdict=verdict), [], 40.0)
    assert (ended["phase"], ended["reason"], ended["message"]) == ("Failed", "Terminated", "the cluster was stopped")
    told = next(c for c in ended["conditions"] if c["type"] == "DisruptionTarget")
    assert told["lastTransitionTime"] == "1970-01-01T00:00:31Z"  # when it was taken down, not when that was told


def test_what_waits_to_be_restarted_shows_its_last_end() -> None:
    detail = Detail("image", restarts=2, waiting=Waiting("CrashLoopBackOff", "back-off 10s"))
    main = Container("m", Kind.MAIN, ended=BAD)
    status = pod_status(observed(main, details={"m": detail}), [], 40.0)["containerStatuses"][0]
    assert status["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    assert status["lastState"]["terminated"]["exitCode"] == 9


def test_conditions_keep_their_time_and_others_stay() -> None:
    before = [
        {"type": "Ready", "status": "False", "lastTransitionTime": "T1"},
        {"type": "Initialized", "status": "True", "lastTransitionTime": "T1"},
        {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": "T1", "reason": "someone's"},
    ]
    merged = {
        c["type"]: c
        for c in merge_conditions({"Ready": {"status": "True"}, "Initialized": {"status": "True"}}, before, 0.0)
    }
    assert merged["Ready"]["lastTransitionTime"] == "1970-01-01T00:00:00Z"
    assert merged["Initialized"]["lastTransitionTime"] == "T1"
    assert merged["DisruptionTarget"]["reason"] == "someone's"
