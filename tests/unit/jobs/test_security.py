"""What pods may do: the restricted profile, and what a user's template asks instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from job_factory import CONTEXT, at, make_job
from pod_security import VERSIONS, violations

from footplate.jobs.observe import Observed
from footplate.jobs.plan import plan
from footplate.jobs.security import USER, others_container, pod_context

NEWEST = VERSIONS[-1]


def pod(context: Any = CONTEXT, **template: Any) -> dict[str, Any]:
    """The pod of a job with this podTemplate.spec."""
    job = make_job(podTemplate={"spec": template})
    created = plan(job, Observed(), context, at(1)).create
    return next(dict(manifest) for manifest in created if manifest["kind"] == "Pod")


def containers(made: Mapping[str, Any]) -> dict[str, Any]:
    return {c["name"]: c for c in [*made["spec"]["initContainers"], *made["spec"]["containers"]]}


def train(**context: Any) -> dict[str, Any]:
    return {"containers": [{"name": "train", "securityContext": context}]}


def test_who_runs_is_said_of_the_pod_alone() -> None:
    """So the three containers are one user, and one line of a template changes it for all."""
    made = pod()
    assert made["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for container in containers(made).values():
        assert container["securityContext"].keys() & {"runAsUser", "runAsNonRoot", "runAsGroup"} == set()
    assert made["spec"]["automountServiceAccountToken"] is False


def test_only_the_users_image_may_write_into_its_own_files() -> None:
    read_only = {name: c["securityContext"].get("readOnlyRootFilesystem") for name, c in containers(pod()).items()}
    assert read_only == {"fetch": True, "agent": True, "train": None}


def test_where_the_cluster_assigns_users_none_is_named() -> None:
    """OpenShift refuses a user or a group that is not of the namespace's range."""
    context = pod(replace(CONTEXT, user=None))["spec"]["securityContext"]
    assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


# What a template says, what comes of it in the pod and in train, and the controls that are violated by that alone.
ASKED: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], set[str]]] = [
    ("another user", {"securityContext": {"runAsUser": 1000}}, {"runAsUser": 1000, "runAsNonRoot": True}, {}, set()),
    (
        "another group of the volumes",
        {"securityContext": {"fsGroup": 2000}},
        {"runAsUser": USER, "fsGroup": 2000},
        {},
        set(),
    ),
    (
        "root",
        {"securityContext": {"runAsUser": 0}},
        {"runAsUser": 0, "runAsNonRoot": False},
        {},
        {"runAsNonRoot", "runAsUser"},
    ),
    (
        "the image's own user",
        {"securityContext": {"runAsNonRoot": False}},
        {"runAsUser": None, "runAsNonRoot": False},
        {},
        {"runAsNonRoot"},
    ),
    (
        "root for the program alone",
        train(runAsUser=0),
        {"runAsUser": USER, "runAsNonRoot": True},
        {"runAsUser": 0, "runAsNonRoot": False},
        {"runAsNonRoot", "runAsUser"},
    ),
    (
        "privileged",
        train(privileged=True),
        {"runAsUser": USER},
        {"privileged": True, "allowPrivilegeEscalation": None, "capabilities": {"drop": ["ALL"]}},
        {"privileged", "allowPrivilegeEscalation"},
    ),
    (
        "a capability for RDMA",
        train(capabilities={"add": ["IPC_LOCK"]}),
        {},
        {"allowPrivilegeEscalation": False, "capabilities": {"add": ["IPC_LOCK"], "drop": ["ALL"]}},
        {"capabilities_baseline", "capabilities_restricted"},
    ),
    (
        "the capability that the API server takes for escalation",
        train(capabilities={"add": ["CAP_SYS_ADMIN"]}),
        {},
        {"allowPrivilegeEscalation": None},
        {"capabilities_baseline", "capabilities_restricted", "allowPrivilegeEscalation"},
    ),
    (
        "the usual capabilities",
        train(capabilities={"drop": []}, allowPrivilegeEscalation=True),
        {},
        {"capabilities": {"drop": []}, "allowPrivilegeEscalation": True},
        {"capabilities_restricted", "allowPrivilegeEscalation"},
    ),
    (
        "no system calls filtered",
        {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
        {"seccompProfile": {"type": "Unconfined"}},
        {},
        {"seccompProfile_baseline", "seccompProfile_restricted"},
    ),
    (
        "a profile of the node",
        {"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "gpu.json"}}},
        {"seccompProfile": {"type": "Localhost", "localhostProfile": "gpu.json"}},
        {},
        set(),
    ),
    ("the host's network", {"hostNetwork": True}, {}, {}, {"hostNamespaces"}),
    (
        "a path of the host",
        {"volumes": [{"name": "data", "hostPath": {"path": "/data"}}]},
        {},
        {},
        {"hostPathVolumes", "restrictedVolumes"},
    ),
    (
        "a container of its own, of which we do not know what it needs",
        {"containers": [{"name": "proxy", "image": "proxy"}]},
        {},
        {},
        {"allowPrivilegeEscalation", "capabilities_restricted"},
    ),
]


@pytest.mark.parametrize(
    ("template", "of_pod", "of_train", "violated"), [case[1:] for case in ASKED], ids=[case[0] for case in ASKED]
)
def test_what_a_template_asks_is_the_users(
    template: dict[str, Any], of_pod: dict[str, Any], of_train: dict[str, Any], violated: set[str]
) -> None:
    made = pod(**template)
    context, program = made["spec"]["securityContext"], containers(made)["train"]["securityContext"]
    assert {name: context.get(name) for name in of_pod} == of_pod
    assert {name: program.get(name) for name in of_train} == of_train
    assert {said.partition(":")[0] for said in violations(made, "restricted", NEWEST)} == violated
    ours = [said for said in violations(made, "restricted", NEWEST) if "fetch" in said or "agent" in said]
    asked_root = template.get("securityContext", {}).get("runAsUser") == 0
    assert bool(ours) == (asked_root or "seccompProfile_restricted" in violated), "ours change with the pod alone"


def test_our_containers_do_not_run_as_a_user_that_nobody_has_named() -> None:
    """The pod leaves it to the user's image, which may be root's."""
    made = containers(pod(securityContext={"runAsNonRoot": False}))
    for name in ("fetch", "agent"):
        context = made[name]["securityContext"]
        assert (context["runAsUser"], context["runAsNonRoot"]) == (USER, True)


def test_a_build_has_what_the_settings_add() -> None:
    rootless = {"runAsUser": 1000, "allowPrivilegeEscalation": True, "capabilities": {"add": ["SETUID", "SETGID"]}}
    assert others_container(rootless) == {
        "runAsUser": 1000,
        "allowPrivilegeEscalation": True,
        "capabilities": {"add": ["SETUID", "SETGID"], "drop": ["ALL"]},
    }
    assert others_container({"runAsUser": 0})["runAsNonRoot"] is False


def test_contexts_are_not_shared() -> None:
    first = pod_context(USER)
    first["seccompProfile"]["type"] = "Unconfined"
    assert pod_context(USER)["seccompProfile"] == {"type": "RuntimeDefault"}
