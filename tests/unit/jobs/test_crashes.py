"""A job against a small model of a cluster in which the operator may die between any two calls.

The model keeps what the API server keeps (the job's status, the pods) and forgets what an operator keeps in memory
(which pods it saw being deleted). Pods move on by themselves, in any order.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from job_factory import (
    CONTEXT,
    agent_report,
    at,
    ddp,
    ended,
    make_job,
    make_pod,
    parameter_servers,
    running,
    waiting,
)

from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.jobs.observe import Observed, PodView
from footplate.jobs.plan import plan
from footplate.jobs.scene import TERMINAL, expected_pods

STEPS = 400
GRACE = 630


@dataclass
class ModelPod:
    """A pod and how far it has come: pending, running, uploading, done."""

    role: str
    index: int
    attempt: int
    created: float
    serves: bool = False  # its program runs until it is stopped
    replacement: int = 0  # so many pods of its name were lost before
    state: str = "pending"
    code: int = 0
    deleted: float | None = None
    start: float = 0
    end: float = 0

    def view(self) -> PodView:
        place: dict[str, Any] = {
            "role": self.role,
            "attempt": self.attempt,
            "created": self.created,
            "deleted": self.deleted,
            "grace": GRACE,
            "replacement": self.replacement,
        }
        if self.state == "pending":
            wait = waiting("PodInitializing")
            return make_pod(self.index, phase="Pending", fetch=wait, agent=wait, train=wait, **place)
        if self.state == "running":
            return make_pod(self.index, train=running(self.start), **place)
        train = ended(self.code, end=self.end, start=self.start)
        if self.state == "uploading":
            return make_pod(self.index, train=train, **place)
        agent = ended(0, end=self.end + 1, message=agent_report())
        return make_pod(self.index, phase="Failed" if self.code else "Succeeded", train=train, agent=agent, **place)


@dataclass
class Model:
    """The cluster, the operator's memory, and the faults."""

    rng: random.Random
    job: TrainingJob
    failures: int  # how many programs will fail
    serving: frozenset[str] = frozenset()  # roles whose programs run until they are stopped
    pods: dict[str, ModelPod] = field(default_factory=dict)
    gone: dict[str, PodView] = field(default_factory=dict)  # the operator's memory: lost in a crash
    ever: list[str] = field(default_factory=list)
    seconds: float = 1
    crashes: int = 0
    kills: int = 0  # how many workers other than worker 0 will be killed or lost with their node

    def observe(self) -> Observed:
        seen = {*self.pods, *(view.key.name for view in self.gone.values())}
        lost = frozenset(name for name in expected_pods(self.job) if name not in seen)
        views = [p.view() for p in self.pods.values()]
        return Observed(pods=views, gone=tuple(self.gone.values()), lost=lost)

    def operator(self) -> None:
        """One pass: creates, deletes, then the status; a crash may come before each of them."""
        step = plan(self.job, self.observe(), CONTEXT, at(self.seconds))
        for manifest in step.create:
            if self.crash():
                return
            if manifest["kind"] == "Pod":
                self.create(manifest)
        for deletion in step.delete:
            if self.crash():
                return
            pod = self.pods[deletion.name]
            if pod.state in ("pending", "done"):
                self.vanish(deletion.name)
            elif pod.deleted is None:
                pod.deleted = self.seconds + GRACE
        if self.crash():
            return
        self.job = self.job.model_copy(update={"status": type(self.job.status).model_validate(step.status.to_json())})

    def create(self, manifest: Mapping[str, Any]) -> None:
        name, labels = manifest["metadata"]["name"], manifest["metadata"]["labels"]
        if name not in self.pods:  # else AlreadyExists, which is ours and fine
            role, index = labels["footplate.dev/role"], int(labels["footplate.dev/index"])
            attempt = int(labels["footplate.dev/attempt"])
            env = {entry["name"]: entry.get("value") for entry in manifest["spec"]["initContainers"][1]["env"]}
            replacement = int(env.get("FOOTPLATE_REPLACEMENT") or 0)
            self.pods[name] = ModelPod(
                role, index, attempt, self.seconds, serves=role in self.serving, replacement=replacement
            )
            self.ever.append(f"{name}.r{replacement}")  # the name of its log, but for the job's

    def crash(self) -> bool:
        if self.crashes and self.rng.random() < 0.1:
            self.crashes -= 1
            self.gone.clear()
            return True
        return False

    def vanish(self, name: str) -> None:
        view = self.pods.pop(name).view()
        self.gone[view.uid] = view

    def kill(self, name: str) -> bool:
        """Perhaps a worker is killed, or it vanishes with its node, and nobody sees it go."""
        pod = self.pods[name]
        if not self.kills or not pod.index or self.rng.random() < 0.7:
            return False
        self.kills -= 1
        if self.rng.random() < 0.5 and self.on_record(pod):
            del self.pods[name]
        else:
            pod.code, pod.state, pod.end = 137, "uploading", self.seconds
        return True

    def on_record(self, pod: ModelPod) -> bool:
        """Whether the status proves that the pod was there; another could not be told from one that is not made yet."""
        record = next((a for a in self.job.status.attempts if a.number == pod.attempt), None)
        if record is None or record.start_time is None:
            return False
        return not pod.replacement or pod.view().uid in {entry.replacement_uid for entry in record.lost or ()}

    def kubelet(self) -> None:
        """One pod takes one step."""
        if not self.pods:
            return
        name = self.rng.choice(sorted(self.pods))
        pod = self.pods[name]
        if pod.state == "pending":
            pod.state, pod.start = "running", self.seconds
        elif pod.state == "running":
            if self.kill(name):
                return
            fails = self.failures > 0 and self.rng.random() < 0.3
            self.failures -= fails
            if pod.serves and not fails and pod.deleted is None:
                return
            pod.code = 143 if pod.deleted is not None else 3 if fails else 0
            pod.state, pod.end = "uploading", self.seconds
        elif pod.state == "uploading":
            pod.state = "done"
        if pod.state == "done" and pod.deleted is not None:
            self.vanish(name)

    def run(self) -> None:
        for _ in range(STEPS):
            self.seconds += 1
            if self.rng.random() < 0.5:
                self.kubelet()
            else:
                self.operator()
            if self.job.status.phase in TERMINAL and not any(p.state != "done" for p in self.pods.values()):
                return
        pytest.fail(f"not ended after {STEPS} steps: {self.job.status.phase} {self.job.status.message}")


def check(model: Model) -> None:
    """No pod is made twice, no attempt is lost, and no two attempts overlap in the record."""
    assert len(model.ever) == len(set(model.ever))
    made = {int(name.split("-")[1]) for name in model.ever}
    assert made == set(range(1, len(made) + 1))
    assert [a.number for a in model.job.status.attempts] == sorted(made)
    assert all(a.end_time is not None and a.reason for a in model.job.status.attempts)


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.parametrize("nodes", [1, 3])
def test_a_job_completes_whenever_the_operator_dies(seed: int, nodes: int) -> None:
    spec = ddp(nodes) if nodes > 1 else {}
    job = make_job(retry={"user": 5}, **spec)
    rng = random.Random(seed)
    model = Model(rng, job, failures=rng.randrange(3), crashes=rng.randrange(12))
    model.run()
    check(model)
    assert model.job.status.phase == Phase.COMPLETED
    assert model.job.status.run is not None
    assert model.job.status.run.files == 2 * nodes


@pytest.mark.parametrize("seed", range(200))
def test_an_elastic_job_loses_workers_and_operators(seed: int) -> None:
    """Every loss is charged once, no log is written twice, and with enough of a budget there is one attempt a failure
    of a program or fall below minNodes."""
    rng = random.Random(seed)
    job = make_job(retry={"user": 9, "infrastructure": 9}, **ddp(4, min_nodes=2))
    model = Model(rng, job, failures=rng.randrange(2), crashes=rng.randrange(12), kills=rng.randrange(6))
    model.run()
    check(model)
    status = model.job.status
    assert status.phase == Phase.COMPLETED, status.message
    losses = [entry for attempt in status.attempts for entry in attempt.lost or ()]
    ends = [attempt.reason for attempt in status.attempts[:-1]]
    charged = sum(entry.times for entry in losses if entry.replaced) + len(ends)
    given_up = sum(entry.times - 1 for entry in losses if not entry.replaced)
    spent = status.retries.user + status.retries.infrastructure if status.retries else 0
    assert spent == charged + given_up
    assert set(ends) <= {"UserError", "Signal", "NodeLost"}


@pytest.mark.parametrize("seed", range(60))
def test_a_job_without_retries_fails_once_and_stays_failed(seed: int) -> None:
    rng = random.Random(seed)
    model = Model(rng, make_job(**ddp(2)), failures=1000, crashes=rng.randrange(8))
    model.run()
    check(model)
    assert len(model.job.status.attempts) == 1
    if model.job.status.phase == Phase.FAILED:
        assert model.job.status.reason == "UserError"


@pytest.mark.parametrize("seed", range(60))
def test_cancel_ends_it_whenever_the_operator_dies(seed: int) -> None:
    rng = random.Random(seed)
    job = make_job(**ddp(2))
    model = Model(rng, job, failures=0, crashes=rng.randrange(8))
    for _ in range(rng.randrange(1, 12)):
        model.seconds += 1
        rng.choice([model.kubelet, model.operator])()
    spec = model.job.spec.model_copy(update={"cancel": True})
    model.job = model.job.model_copy(update={"spec": spec})
    model.run()
    assert len(model.ever) == len(set(model.ever))
    assert model.job.status.phase in (Phase.CANCELED, Phase.COMPLETED)


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.parametrize("chief", [True, False])
def test_a_job_with_parameter_servers_completes_whenever_the_operator_dies(seed: int, chief: bool) -> None:
    rng = random.Random(seed)
    job = make_job(retry={"user": 5}, **parameter_servers(chief, workers=2, servers=2, evaluator=True))
    serving = frozenset({"worker", "ps", "evaluator"} if chief else {"ps", "evaluator"})
    model = Model(rng, job, rng.randrange(3), serving, crashes=rng.randrange(12))
    model.run()
    check(model)
    assert model.job.status.phase == Phase.COMPLETED
    last = model.job.status.attempts[-1].number
    deciding = {"chief-0"} if chief else {"worker-0", "worker-1"}
    ended_well = {name for name, pod in model.pods.items() if pod.attempt == last and pod.code == 0}
    assert ended_well == {f"digits-{last}-{replica}" for replica in deciding}, "the others were stopped"
