"""Pods as real processes: exit codes, order, restarts, deletion, as a kubelet does it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api_server import ApiServerInThread
from node_harness import NodeHarness, container, ended, running_node, shell, sidecar, state_of, status_of

from footplate.kube.resources import CONFIG_MAPS, EVENTS, PODS
from footplate_local.node.machine import inspect


@pytest.fixture
async def node(api_server: ApiServerInThread) -> AsyncIterator[NodeHarness]:
    async with running_node(api_server) as harness:
        yield harness


# ``$$$$`` is ``$$`` for the shell: Kubernetes expands $$ to $ in commands.
@pytest.mark.parametrize(
    ("script", "phase", "code", "reason"),
    [
        ("true", "Succeeded", 0, "Completed"),
        ("exit 3", "Failed", 3, "Error"),
        ("kill -TERM $$$$", "Failed", 143, "Error"),
        ("kill -KILL $$$$", "Failed", 137, "Error"),
        ("kill -SEGV $$$$", "Failed", 139, "Error"),
    ],
)
async def test_the_phase_follows_the_exit_code(
    node: NodeHarness, script: str, phase: str, code: int, reason: str
) -> None:
    await node.create(containers=[shell(script)])
    pod = await node.until_phase(phase)
    terminated = ended(pod)
    assert terminated is not None
    assert (terminated["exitCode"], terminated["reason"]) == (code, reason)
    assert pod["spec"]["nodeName"] == "test-node"
    assert pod["status"]["podIP"].startswith("127.66.")
    conditions = {condition["type"]: condition for condition in pod["status"]["conditions"]}
    assert conditions["Ready"]["reason"] == ("PodCompleted" if code == 0 else "PodFailed")
    assert conditions["PodScheduled"]["status"] == "True"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["no-such-command"], 'exec: "no-such-command": executable file not found in $PATH'),
        (["/no/such/file"], 'exec: "/no/such/file": stat /no/such/file: no such file or directory'),
        (["/etc"], 'exec: "/etc": permission denied'),
    ],
)
async def test_a_command_that_cannot_be_executed(node: NodeHarness, command: list[str], message: str) -> None:
    await node.create(containers=[container(*command)])
    terminated = ended(await node.until_phase("Failed"))
    assert terminated is not None
    assert (terminated["exitCode"], terminated["reason"], terminated["message"]) == (128, "StartError", message)


async def test_init_containers_run_one_after_the_other_before_the_main_one(node: NodeHarness) -> None:
    volumes = [{"name": "v", "emptyDir": {}}]
    mount = [{"name": "v", "mountPath": "/shared"}]
    await node.create(
        volumes=volumes,
        initContainers=[
            shell("sleep 0.2; echo one >>/shared/order", "one", volumeMounts=mount),
            shell("echo two >>/shared/order", "two", volumeMounts=mount),
        ],
        containers=[shell("cat /shared/order", volumeMounts=mount)],
    )
    pod = await node.until_phase("Succeeded")
    assert node.log(pod) == "one\ntwo\n"
    assert [entry["ready"] for entry in pod["status"]["initContainerStatuses"]] == [True, True]


async def test_containers_that_start_at_once_are_told_of_together(node: NodeHarness) -> None:
    """One write less for each pod of a big job."""
    seen: list[tuple[bool, bool]] = []

    async def watch() -> None:
        async for event in node.client.watch(PODS):
            pod = event["object"]
            seen.append(("running" in state_of(pod, "agent"), "running" in state_of(pod)))

    watching = asyncio.create_task(watch())
    try:
        await node.create(initContainers=[shell("true", "fetch"), sidecar("sleep 60")], containers=[shell("sleep 60")])
        await node.until_true(lambda: (True, True) in seen, "both run")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert (True, False) not in seen


async def test_a_failed_init_container_fails_the_pod_and_ends_the_sidecar(node: NodeHarness) -> None:
    await node.create(
        initContainers=[sidecar("trap 'exit 0' TERM; while :; do sleep 0.05; done"), shell("exit 7", "fetch")],
        containers=[shell("echo never")],
    )
    pod = await node.until_phase("Failed")
    failed, agent = ended(pod, "fetch"), ended(pod, "agent")
    assert failed is not None
    assert failed["exitCode"] == 7
    assert agent is not None
    assert agent["exitCode"] == 0
    assert state_of(pod) == {"waiting": {"reason": "PodInitializing"}}
    initialized = next(c for c in pod["status"]["conditions"] if c["type"] == "Initialized")
    assert (initialized["status"], initialized["reason"]) == ("False", "ContainersNotInitialized")


async def test_the_pod_runs_until_its_sidecar_has_finished_and_then_counts_the_main_exit_code_alone(
    node: NodeHarness,
) -> None:
    await node.create(
        initContainers=[sidecar("trap 'sleep 0.5; echo drained >&2; exit 9' TERM; while :; do sleep 0.05; done")],
        containers=[shell("sleep 0.2; exit 0")],
    )
    pod = await node.until(lambda pod: ended(pod) is not None)
    assert pod["status"]["phase"] == "Running"
    assert "running" in state_of(pod, "agent")
    pod = await node.until_phase("Succeeded")
    agent = ended(pod, "agent")
    assert agent is not None
    assert agent["exitCode"] == 9
    assert node.log(pod, "agent") == "drained\n"


async def test_sidecars_end_from_the_back(node: NodeHarness) -> None:
    def recording(name: str) -> dict[str, object]:
        script = f"trap 'sleep 0.1; echo {name} >>/shared/order; exit 0' TERM; while :; do sleep 0.02; done"
        return sidecar(script, name, volumeMounts=[{"name": "v", "mountPath": "/shared"}])

    await node.create(
        volumes=[{"name": "v", "emptyDir": {}}],
        initContainers=[recording("first"), recording("second")],
        containers=[shell("sleep 0.3")],
    )
    pod = await node.until_phase("Succeeded")
    order = node.home.pod(pod["metadata"]["uid"]).volumes / "v" / "order"
    assert order.read_text().split() == ["second", "first"]


async def test_a_sidecar_that_does_not_end_is_killed_after_the_grace_period(node: NodeHarness) -> None:
    await node.create(
        terminationGracePeriodSeconds=1,
        initContainers=[sidecar("trap '' TERM; while :; do sleep 0.05; done")],
        containers=[shell("sleep 0.3")],
    )
    before = time.time()
    pod = await node.until_phase("Succeeded")
    agent = ended(pod, "agent")
    assert agent is not None
    assert agent["exitCode"] == 137
    assert time.time() - before >= 1.0


async def test_a_sidecar_is_restarted_while_the_main_container_runs(node: NodeHarness) -> None:
    await node.create(
        volumes=[{"name": "v", "emptyDir": {}}],
        initContainers=[sidecar("exit 4")],
        containers=[shell("while [ ! -e /shared/stop ]; do sleep 0.05; done", volumeMounts=_mounted("/shared"))],
    )
    pod = await node.until(lambda pod: status_of(pod, "agent").get("restartCount", 0) >= 2)
    agent = status_of(pod, "agent")
    assert agent["lastState"]["terminated"]["exitCode"] == 4
    assert "running" in state_of(pod)
    waiting = await node.until(lambda pod: "waiting" in state_of(pod, "agent"))
    assert state_of(waiting, "agent")["waiting"]["reason"] == "CrashLoopBackOff"
    (node.home.pod(pod["metadata"]["uid"]).volumes / "v" / "stop").touch()
    await node.until_phase("Succeeded")


@pytest.mark.parametrize(
    ("policy", "code", "restarted"),
    [("Never", 1, False), ("OnFailure", 1, True), ("OnFailure", 0, False), ("Always", 0, True)],
)
async def test_restart_policies(node: NodeHarness, policy: str, code: int, restarted: bool) -> None:
    await node.create(restartPolicy=policy, containers=[shell(f"exit {code}")])
    if restarted:
        pod = await node.until(lambda pod: status_of(pod).get("restartCount", 0) >= 2)
        assert status_of(pod)["lastState"]["terminated"]["exitCode"] == code
        assert pod["status"]["phase"] == "Running"
    else:
        pod = await node.until_phase("Failed" if code else "Succeeded")
        assert status_of(pod)["restartCount"] == 0


async def test_deletion_ends_the_main_container_first_and_reports_before_the_pod_goes(node: NodeHarness) -> None:
    """The last status is read from the watch: after it the object is gone."""
    main = (
        "trap 'echo main >>/shared/order; echo stopped >/dev/termination-log; exit 5' TERM; "
        "while :; do sleep 0.02; done"
    )
    agent = "trap 'echo agent >>/shared/order; exit 0' TERM; while :; do sleep 0.02; done"
    host = node.home.path / "order"
    host.mkdir()
    await node.create(
        volumes=[{"name": "h", "hostPath": {"path": str(host)}}],
        initContainers=[sidecar(agent, volumeMounts=_mounted("/shared", "h"))],
        containers=[shell(main, volumeMounts=_mounted("/shared", "h"))],
    )
    await node.until(lambda pod: "running" in state_of(pod))
    last = None
    await node.client.delete(PODS, "p", "default")
    async for event in node.client.watch(PODS, "default", name="p", timeout_seconds=10):
        if event["type"] == "DELETED":
            break
        last = event["object"]
    assert last is not None
    terminated = ended(last)
    assert terminated is not None
    assert (terminated["exitCode"], terminated["message"]) == (5, "stopped\n")
    assert last["status"]["phase"] == "Failed"
    assert (host / "order").read_text().split() == ["main", "agent"]
    await node.until_true(lambda: not list(node.home.pods.iterdir()), "the pod's folder is removed")


async def test_deletion_kills_at_the_end_of_the_grace_period(node: NodeHarness) -> None:
    await node.create(containers=[shell("trap '' TERM; echo ready; while :; do sleep 0.05; done")])
    pod = await node.until(lambda pod: "running" in state_of(pod))
    await node.until_true(lambda: node.log(pod) == "ready\n", "the program ignores SIGTERM")
    before = time.monotonic()
    await node.client.delete(PODS, "p", "default", grace_seconds=1)
    await node.until_gone()
    assert 0.9 <= time.monotonic() - before < 5


async def test_a_finished_pod_keeps_its_log_until_it_is_deleted(node: NodeHarness) -> None:
    await node.create(containers=[shell("echo done")])
    pod = await node.until_phase("Succeeded")
    assert node.log(pod) == "done\n"
    await node.client.delete(PODS, "p", "default")
    await node.until_gone()
    await node.until_true(lambda: not list(node.home.pods.iterdir()), "the pod's folder is removed")


async def test_the_end_of_the_program_is_the_end_of_all_it_started(node: NodeHarness) -> None:
    await node.create(containers=[shell("setsid sleep 300 & echo $!; (setsid sh -c 'sleep 300' &) ; exit 0")])
    pod = await node.until_phase("Succeeded")
    left = int(node.log(pod).split()[0])
    assert not Path(f"/proc/{left}").exists()


async def test_active_deadline(node: NodeHarness) -> None:
    await node.create(activeDeadlineSeconds=1, containers=[container("sleep", "300")])
    pod = await node.until_phase("Failed")
    assert pod["status"]["reason"] == "DeadlineExceeded"
    terminated = ended(pod)
    assert terminated is not None
    assert terminated["exitCode"] == 143


@pytest.mark.parametrize(
    ("policy", "script", "message"),
    [
        ("File", "printf told >/dev/termination-log; echo printed; exit 1", "told"),
        ("File", "echo printed; exit 1", None),
        ("FallbackToLogsOnError", "echo printed; exit 1", "printed\n"),
        ("FallbackToLogsOnError", "echo printed; exit 0", None),
        ("File", "head -c 5000 /dev/zero | tr '\\0' x >/dev/termination-log", "x" * 4096),
    ],
)
async def test_termination_messages(node: NodeHarness, policy: str, script: str, message: str | None) -> None:
    await node.create(containers=[shell(script, terminationMessagePolicy=policy)])
    pod = await node.until(lambda pod: pod["status"]["phase"] in ("Succeeded", "Failed"))
    terminated = ended(pod)
    assert terminated is not None
    assert terminated.get("message") == message


async def test_more_memory_than_the_limit_is_out_of_memory(node: NodeHarness) -> None:
    program = "import time; block = bytearray(200 << 20); time.sleep(60)"
    limits = {"limits": {"memory": "64Mi"}}
    await node.create(containers=[container("python3", "-S", "-c", program, resources=limits)])
    terminated = ended(await node.until_phase("Failed"))
    assert terminated is not None
    assert (terminated["exitCode"], terminated["reason"]) == (137, "OOMKilled")


async def test_a_missing_config_map_is_waited_for(node: NodeHarness) -> None:
    reference = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "later", "key": "a"}}}
    await node.create(containers=[shell("echo $A", env=[reference])])
    pod = await node.until(lambda pod: state_of(pod).get("waiting", {}).get("reason") == "CreateContainerConfigError")
    assert state_of(pod)["waiting"]["message"] == 'configmap "later" not found'
    await node.client.create(
        CONFIG_MAPS,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "later", "namespace": "default"},
            "data": {"a": "x"},
        },
    )
    assert node.log(await node.until_phase("Succeeded")) == "x\n"


@pytest.mark.parametrize(
    ("image", "reason", "words"),
    [
        ("footplate.local/env-0123456789ab@sha256:" + "0" * 64, "ErrImagePull", "build the Environment again"),
        ("UPPER CASE", "InvalidImageName", "couldn't parse image name"),
    ],
)
async def test_images_that_cannot_be_had(node: NodeHarness, image: str, reason: str, words: str) -> None:
    await node.create(containers=[{**shell("true"), "image": image}])
    reasons = {reason, "ImagePullBackOff"} if reason == "ErrImagePull" else {reason}
    pod = await node.until(lambda pod: state_of(pod).get("waiting", {}).get("reason") in reasons)
    assert words in state_of(pod)["waiting"]["message"]
    assert pod["status"]["phase"] == "Pending"
    await node.client.delete(PODS, "p", "default")
    await node.until_gone()


async def test_any_other_image_runs_on_the_machine_with_one_warning(node: NodeHarness) -> None:
    await node.create(containers=[{**shell("true"), "image": "python:3.11"}])
    await node.until_phase("Succeeded")
    events = [event for event in await node.client.list(EVENTS, "default") if event["reason"] == "ImageNotPulled"]
    assert [event["message"] for event in events] == [
        "image python:3.11 is not pulled by the embedded cluster: the command runs on this machine"
    ]


async def test_the_program_has_the_hostname_and_address_of_its_pod(node: NodeHarness) -> None:
    address = {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    await node.create(
        hostname="worker-0",
        subdomain="digits",
        containers=[
            shell("hostname; echo $HOSTNAME $IP; getent hosts $(hostname); cat $FOOTPLATE_HOSTS", env=[address])
        ],
    )
    pod = await node.until_phase("Succeeded")
    hostname, variables, itself, hosts = node.log(pod).splitlines()
    ip = pod["status"]["podIP"]
    if os.geteuid() == 0:
        assert hostname == "worker-0"
        assert itself.split() == [ip, "worker-0"], "a program finds its own address by its hostname"
    assert variables == f"worker-0 {ip}"
    assert hosts == (f"{ip} worker-0.digits.default.svc worker-0.digits.default.svc.cluster.local worker-0.digits")
    await node.until_true(lambda: node.home.hosts.read_text() == "", "an ended pod leaves the hosts file")


async def test_the_environment_is_clean_but_usable(api_server: ApiServerInThread) -> None:
    environ = {"PATH": os.environ["PATH"], "SECRET_OF_THE_MACHINE": "x", "https_proxy": "http://proxy:3128"}
    async with running_node(api_server, inspect("test-node", environ, api_server.home)) as node:
        await node.create(containers=[shell("env", resources={"requests": {"cpu": "1500m"}})])
        pod = await node.until_phase("Succeeded")
    env = dict(line.split("=", 1) for line in node.log(pod).splitlines())
    folder = str(node.home.pod(pod["metadata"]["uid"]).path)
    assert "SECRET_OF_THE_MACHINE" not in env
    assert "KUBERNETES_SERVICE_HOST" not in env
    assert env["https_proxy"] == "http://proxy:3128"
    assert env["OMP_NUM_THREADS"] == "2"
    assert (env["LANG"], env["GLOO_SOCKET_IFNAME"], env["NCCL_SOCKET_IFNAME"]) == ("C.UTF-8", "lo", "lo")
    assert env["HOME"].startswith(folder)
    assert env["TMPDIR"].startswith(folder)
    assert env["PWD"].startswith(folder)


def _mounted(path: str, volume: str = "v") -> list[dict[str, str]]:
    return [{"name": volume, "mountPath": path}]
