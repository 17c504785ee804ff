"""What people do, with the real kubectl."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_objects import MERGE, PODS, created, pod
from api_server import ApiServerInThread
from kubectl_runner import SECONDS, Kubectl

JOB = """
apiVersion: footplate.dev/v1alpha1
kind: TrainingJob
metadata: {name: digits}
spec:
  image: docker.io/library/python@sha256:0000000000000000000000000000000000000000000000000000000000000000
  source: {image: {path: /code}}
  entrypoint: {script: train.py}
"""
JOBS = "/apis/footplate.dev/v1alpha1/namespaces/default/trainingjobs"


@pytest.fixture
def kubectl(api_server: ApiServerInThread, tmp_path: Path) -> Kubectl:
    api_server.load_crds()
    home = tmp_path / "kubectl"
    home.mkdir()
    return Kubectl(api_server, home)


def test_apply_get_describe_patch_wait_delete(api_server: ApiServerInThread, kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", given=JOB) == "trainingjob.footplate.dev/digits created\n"
    assert kubectl("apply", "-f", "-", given=JOB) == "trainingjob.footplate.dev/digits unchanged\n"
    status = {"status": {"phase": "Running", "reason": "AllReplicasRunning", "conditions": []}}
    assert api_server.request("PATCH", f"{JOBS}/digits/status", status, MERGE)[0] == 200
    header, row = kubectl("get", "tj").splitlines()
    assert header.split()[:3] == ["NAME", "PHASE", "REASON"]
    assert header.split()[-1] == "AGE"
    assert row.split()[:3] == ["digits", "Running", "AllReplicasRunning"]
    described = kubectl("describe", "tj", "digits")
    assert "Script:    train.py" in described
    assert "Events:" in described
    assert kubectl("patch", "tj", "digits", "--type", "merge", "-p", '{"spec": {"suspend": true}}').endswith(
        "patched\n"
    )
    assert kubectl("wait", "tj/digits", "--for=jsonpath={.spec.suspend}=true").endswith("condition met\n")
    kubectl("label", "tj", "digits", "team=vision")
    assert kubectl("get", "tj", "-l", "team=vision", "-o", "name") == "trainingjob.footplate.dev/digits\n"
    assert kubectl("delete", "tj", "digits").startswith('trainingjob.footplate.dev "digits" deleted')
    assert kubectl.run("get", "tj", "digits")[2] == (
        'Error from server (NotFound): trainingjobs.footplate.dev "digits" not found\n'
    )


def test_wait_for_a_condition_that_comes(api_server: ApiServerInThread, kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=JOB)
    waiting = kubectl.start("wait", "tj/digits", "--for=condition=Complete", f"--timeout={SECONDS}s")
    condition = {
        "type": "Complete",
        "status": "True",
        "reason": "Completed",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {"status": {"conditions": [condition]}}
    assert api_server.request("PATCH", f"{JOBS}/digits/status", status, MERGE)[0] == 200
    output, errors = waiting.communicate(timeout=SECONDS)
    assert (waiting.returncode, output, errors) == (0, "trainingjob.footplate.dev/digits condition met\n", "")


def test_get_watch_shows_changes_as_they_come(api_server: ApiServerInThread, kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=JOB)
    watching = kubectl.start("get", "tj", "-w", "--no-headers")
    assert watching.stdout is not None
    try:
        assert watching.stdout.readline().split()[0] == "digits"
        for phase in ("Running", "Completed"):
            api_server.request("PATCH", f"{JOBS}/digits/status", {"status": {"phase": phase}}, MERGE)
            assert watching.stdout.readline().split()[:2] == ["digits", phase]
    finally:
        watching.kill()
        watching.communicate()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nodez: 2", 'strict decoding error: unknown field "spec.nodez"'),
        ("nodes: 0", "spec.nodes: Invalid value: 0: spec.nodes in body should be greater than or equal to 1"),
        ("nodes: two", 'spec.nodes: Invalid value: "string": spec.nodes in body must be of type integer: "string"'),
        ("cleanup: {pods: Maybe}", 'spec.cleanup.pods: Unsupported value: "Maybe": supported values: "OnSuccess"'),
    ],
)
def test_a_bad_manifest_is_refused_with_a_sentence(kubectl: Kubectl, line: str, sentence: str) -> None:
    code, _, errors = kubectl.run("apply", "-f", "-", given=f"{JOB}  {line}\n")
    assert code == 1
    assert sentence in errors


def test_events_of_an_object_are_described_with_it(api_server: ApiServerInThread, kubectl: Kubectl) -> None:
    made = created(api_server, PODS, pod("p"))
    about = {"apiVersion": "v1", "kind": "Pod", "name": "p", "namespace": "default", "uid": made["metadata"]["uid"]}
    event = {
        "metadata": {"generateName": "p."},
        "involvedObject": about,
        "reason": "Started",
        "message": "it has begun",
        "type": "Normal",
        "count": 1,
        "firstTimestamp": made["metadata"]["creationTimestamp"],
        "lastTimestamp": made["metadata"]["creationTimestamp"],
    }
    created(api_server, "/api/v1/namespaces/default/events", event)
    assert "it has begun" in kubectl("describe", "pod", "p")
    assert "it has begun" in kubectl("events", "--for", "pod/p")
    last_seen, kind, reason, whom = kubectl("get", "events", "--no-headers").split()[:4]
    assert (kind, reason, whom, last_seen[-1]) == ("Normal", "Started", "pod/p", "s")
