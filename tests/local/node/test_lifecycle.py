"""What is planned next for a pod: a table of situations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from footplate_local.node.lifecycle import Container, Ended, Kind, Plan, Pod, RestartPolicy, plan

OK = Ended(exit_code=0, finished_at=90.0, reason="Completed", started_at=80.0)
BAD = Ended(exit_code=1, finished_at=90.0, reason="Error", started_at=80.0)
NOW = 100.0

FETCH = Container("fetch", Kind.INIT)
AGENT = Container("agent", Kind.SIDECAR)
TRAIN = Container("train", Kind.MAIN)


def pod(*containers: Container, policy: RestartPolicy = RestartPolicy.NEVER, stop_by: float | None = None) -> Pod:
    return Pod(containers, policy, grace=30.0, stop_by=stop_by)


def up(container: Container, asked_at: float | None = None, killed: bool = False) -> Container:
    return replace(container, running=True, asked_at=asked_at, killed=killed)


def done(container: Container, ended: Ended = OK, not_before: float = 0.0) -> Container:
    return replace(container, ended=ended, not_before=not_before)


@pytest.mark.parametrize(
    ("situation", "wanted"),
    [
        pytest.param(pod(FETCH, AGENT, TRAIN), Plan(start="fetch"), id="the first init container"),
        pytest.param(pod(up(FETCH), AGENT, TRAIN), Plan(), id="others wait for it"),
        pytest.param(pod(done(FETCH), AGENT, TRAIN), Plan(start="agent"), id="then the sidecar"),
        pytest.param(pod(done(FETCH), up(AGENT), TRAIN), Plan(start="train"), id="then the main container"),
        pytest.param(pod(done(FETCH), up(AGENT), up(TRAIN)), Plan(), id="everything runs"),
        pytest.param(
            pod(replace(FETCH, not_before=105.0), TRAIN), Plan(wake_at=105.0), id="it may not start yet: its back-off"
        ),
        pytest.param(
            pod(done(FETCH), done(AGENT, BAD, not_before=103.0), TRAIN),
            Plan(wake_at=103.0),
            id="the main container waits for a sidecar that has failed",
        ),
        pytest.param(
            pod(done(FETCH), done(AGENT, BAD), up(TRAIN)), Plan(start="agent"), id="a sidecar is restarted later too"
        ),
        pytest.param(
            pod(done(FETCH, BAD), up(AGENT), TRAIN, policy=RestartPolicy.ON_FAILURE),
            Plan(start="fetch"),
            id="a failed init container is tried again unless the policy is Never",
        ),
        pytest.param(
            pod(done(FETCH), up(AGENT), done(TRAIN, BAD), policy=RestartPolicy.ON_FAILURE),
            Plan(start="train"),
            id="OnFailure restarts what failed",
        ),
        pytest.param(
            pod(done(FETCH), up(AGENT), done(TRAIN), policy=RestartPolicy.ON_FAILURE),
            Plan(terminate=("agent",), wake_at=120.0),
            id="OnFailure does not restart what succeeded",
        ),
        pytest.param(
            pod(done(FETCH), up(AGENT), done(TRAIN), policy=RestartPolicy.ALWAYS),
            Plan(start="train"),
            id="Always restarts",
        ),
        pytest.param(
            pod(done(FETCH), up(AGENT), done(TRAIN)),
            Plan(terminate=("agent",), wake_at=120.0),
            id="the main container ended at 90: the sidecar has the whole grace period from then",
        ),
        pytest.param(
            pod(done(FETCH), up(AGENT, asked_at=90.0), done(TRAIN)), Plan(wake_at=120.0), id="it is given its time"
        ),
        pytest.param(
            pod(up(AGENT, asked_at=70.0), done(TRAIN, replace(BAD, finished_at=70.0))),
            Plan(kill=("agent",)),
            id="and then killed",
        ),
        pytest.param(
            pod(up(AGENT, asked_at=70.0, killed=True), done(TRAIN, replace(BAD, finished_at=70.0))),
            Plan(),
            id="once",
        ),
        pytest.param(pod(done(FETCH, BAD), TRAIN), Plan(finished=True), id="a failed init container is the end, Never"),
        pytest.param(
            pod(up(AGENT), done(FETCH, BAD), TRAIN),
            Plan(terminate=("agent",), wake_at=120.0),
            id="after the sidecar before it has ended",
        ),
        pytest.param(pod(done(FETCH), done(AGENT), done(TRAIN, BAD)), Plan(finished=True), id="all ended"),
        pytest.param(pod(TRAIN, stop_by=110.0), Plan(finished=True), id="deleted before anything started"),
        pytest.param(
            pod(done(FETCH), up(AGENT), up(TRAIN), stop_by=110.0),
            Plan(terminate=("train",), wake_at=110.0),
            id="deleted: the main container first",
        ),
        pytest.param(
            pod(up(FETCH), up(AGENT), TRAIN, stop_by=110.0),
            Plan(terminate=("fetch",), wake_at=110.0),
            id="deleted: the init container that runs",
        ),
        pytest.param(
            pod(up(AGENT), done(TRAIN), stop_by=110.0),
            Plan(terminate=("agent",), wake_at=110.0),
            id="then the sidecar, within the same grace period",
        ),
        pytest.param(
            pod(up(AGENT), up(replace(AGENT, name="second")), done(TRAIN), stop_by=110.0),
            Plan(terminate=("second",), wake_at=110.0),
            id="sidecars from the back",
        ),
        pytest.param(
            pod(up(AGENT), up(TRAIN, asked_at=95.0), stop_by=100.0),
            Plan(kill=("train",)),
            id="out of time: the main container is killed, the sidecar waits for its end",
        ),
        pytest.param(
            pod(up(AGENT), up(replace(AGENT, name="second")), done(TRAIN), stop_by=100.0),
            Plan(terminate=("agent", "second"), wake_at=102.0),
            id="out of time: all sidecars at once, with the least grace there is",
        ),
        pytest.param(
            pod(up(TRAIN), stop_by=100.0),
            Plan(terminate=("train",), wake_at=102.0),
            id="no grace at all is two seconds",
        ),
    ],
)
def test_the_next_step(situation: Pod, wanted: Plan) -> None:
    assert plan(situation, NOW) == wanted


def test_every_pod_comes_to_its_end() -> None:
    """Whatever ends how and when, following the plan ends the pod, and nothing runs then."""
    for codes in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
        for policy in (RestartPolicy.NEVER, RestartPolicy.ON_FAILURE):
            current = pod(FETCH, AGENT, TRAIN, policy=policy)
            now, steps = 0.0, 0
            while not (step := plan(current, now)).finished:
                steps += 1
                assert steps < 100, f"{codes} {policy} goes on for ever: {current}"
                current = _follow(current, step, now, dict(zip(("fetch", "agent", "train"), codes, strict=True)))
                now += 1.0
            assert not any(container.running for container in current.containers)


def _follow(current: Pod, step: Plan, now: float, codes: dict[str, int]) -> Pod:
    """The first run of each ends with its code, later ones well; sidecars end when they are told to."""
    after = []
    for container in current.containers:
        if step.start == container.name:
            after.append(replace(container, running=True))
        elif container.running and (container.kind is not Kind.SIDECAR or container.name in step.terminate):
            code = codes[container.name]
            codes[container.name] = 0
            ended = Ended(exit_code=code if container.ended is None else 0, finished_at=now, reason="")
            after.append(replace(container, running=False, ended=ended))
        else:
            after.append(container)
    return replace(current, containers=tuple(after))
