"""kill -9 of the node, of a shim, of a program; an API server that is away: nothing starts twice, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from api_server import ApiServerInThread
from node_harness import NodeHarness, ended, kill_containers, running_node, shell, sidecar, state_of, status_of

from footplate.kube.resources import EVENTS, NODES, PODS
from footplate_local.node.folders import NodeHome, PodRecord
from footplate_local.node.machine import node_name
from footplate_local.node.rundir import RunDir
from footplate_local.node.stop import NodeRunning, hold_node_lock, stop_all_pods

LOOP = "while :; do sleep 0.05; done"


@pytest.fixture
async def node(api_server: ApiServerInThread) -> AsyncIterator[NodeHarness]:
    async with running_node(api_server) as harness:
        yield harness


def run_of(node: NodeHarness, pod: dict[str, object], container: str = "main") -> RunDir:
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    return node.home.pod(metadata["uid"]).runs(container)[-1]


async def test_a_killed_shim_takes_its_container_along(node: NodeHarness) -> None:
    await node.create(containers=[shell("setsid sh -c 'echo $$$$; exec sleep 300' & exec sleep 300")])
    pod = await node.until(lambda pod: "running" in state_of(pod))
    await node.until_true(lambda: node.log(pod).strip(), "the child has said its pid")
    started = run_of(node, pod).started()
    assert started is not None
    os.kill(started.shim, signal.SIGKILL)
    terminated = ended(await node.until_phase("Failed"))
    assert terminated is not None
    assert (terminated["exitCode"], terminated["reason"]) == (137, "Error")
    for pid in (started.pid, int(node.log(pod))):
        assert not _runs(pid)


async def test_a_killed_shim_server_is_replaced_and_its_shims_live_on(node: NodeHarness) -> None:
    await node.create(containers=[shell("sleep 0.5; exit 3")])
    before = await node.until(lambda pod: "running" in state_of(pod))
    server = _shim_server()
    os.kill(server, signal.SIGKILL)
    await node.create("other", containers=[shell("exit 4")])
    assert [await _exit_code(node, "other"), await _exit_code(node)] == [4, 3]
    assert state_of(await node.get())["terminated"]["startedAt"] == state_of(before)["running"]["startedAt"]
    assert _shim_server() != server


async def test_a_start_that_was_given_up_as_too_slow_is_not_made_twice(
    node: NodeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shim goes on starting its program whether the node still waits for it or not."""
    monkeypatch.setattr("footplate_local.node.shims.START_SECONDS", 0.0)
    told = node.home.path / "told"
    await node.create(containers=[shell(f"echo once >>{told}; sleep 0.5; exit 3")])
    assert await _exit_code(node) == 3
    assert told.read_text() == "once\n"
    events = await node.client.list(EVENTS, "default")
    assert any("could not be started" in event.get("message", "") for event in events), "the test gave it up"


async def test_the_shim_server_ends_with_its_node(node: NodeHarness) -> None:
    await node.create(containers=[shell("sleep 0.2; exit 3")])
    await node.until(lambda pod: "running" in state_of(pod))
    server = _shim_server()
    await node.stop()
    assert not _runs(server)
    node.start()
    assert await _exit_code(node) == 3


async def test_a_program_holds_nothing_of_its_shim(node: NodeHarness) -> None:
    """A lock or socket in its hands would outlive the shim, or keep the node waiting for the start."""
    await node.create(containers=[shell("ls -l /proc/self/fd")])
    pod = await node.until_phase("Succeeded")
    held = {line.partition(" -> ")[2] for line in node.log(pod).splitlines() if " -> " in line}
    assert any(target.startswith("pipe:") for target in held), held
    assert not any(target.startswith("socket:") or target.endswith("/lock") for target in held), held


async def test_a_killed_program(node: NodeHarness) -> None:
    await node.create(containers=[shell("exec sleep 300")])
    pod = await node.until(lambda pod: "running" in state_of(pod))
    started = run_of(node, pod).started()
    assert started is not None
    os.kill(started.pid, signal.SIGKILL)
    terminated = ended(await node.until_phase("Failed"))
    assert terminated is not None
    assert (terminated["exitCode"], terminated["reason"]) == (137, "Error")


async def test_a_new_node_adopts_what_runs(node: NodeHarness) -> None:
    """The main container ends by itself under the new node; the sidecar is then told to stop, as ever."""
    agent = "trap 'echo drained; exit 0' TERM; " + LOOP
    await node.create(
        volumes=[{"name": "v", "emptyDir": {}}],
        initContainers=[shell("true", "fetch"), sidecar(agent)],
        containers=[shell("echo begun; while [ ! -e /shared/stop ]; do sleep 0.05; done; exit 3", volumeMounts=MOUNT)],
    )
    before = await node.until(lambda pod: "running" in state_of(pod))
    await node.stop()
    node.start()
    (node.home.pod(before["metadata"]["uid"]).volumes / "v" / "stop").touch()
    pod = await node.until_phase("Failed")
    assert node.log(pod) == "begun\n"
    assert node.log(pod, "agent") == "drained\n"
    assert status_of(pod)["restartCount"] == 0
    assert pod["status"]["podIP"] == before["status"]["podIP"]
    terminated = ended(pod)
    assert terminated is not None
    assert terminated["exitCode"] == 3
    assert terminated["startedAt"] == state_of(before)["running"]["startedAt"]


async def test_an_exit_that_no_node_saw_is_reported_by_the_next(node: NodeHarness) -> None:
    await node.create(containers=[shell("sleep 0.5; printf late >/dev/termination-log; exit 4")])
    pod = await node.until(lambda pod: "running" in state_of(pod))
    await node.stop()
    await node.until_true(lambda: run_of(node, pod).exit() is not None, "the program has ended")
    node.start()
    terminated = ended(await node.until_phase("Failed"))
    assert terminated is not None
    assert (terminated["exitCode"], terminated["message"]) == (4, "late")


async def test_a_shim_that_was_killed_while_no_node_ran(node: NodeHarness) -> None:
    await node.create(containers=[shell("exec sleep 300")])
    pod = await node.until(lambda pod: "running" in state_of(pod))
    await node.stop()
    started = run_of(node, pod).started()
    assert started is not None
    os.kill(started.shim, signal.SIGKILL)
    node.start()
    terminated = ended(await node.until_phase("Failed"))
    assert terminated is not None
    assert terminated["exitCode"] == 137


async def test_a_pod_that_was_deleted_while_no_node_ran_is_ended_with_its_grace(node: NodeHarness) -> None:
    told = node.home.path / "told"
    script = f"trap 'echo term >{told}; exit 0' TERM; {LOOP}"
    await node.create(containers=[shell(script)])
    pod = await node.until(lambda pod: "running" in state_of(pod))
    started = run_of(node, pod).started()
    assert started is not None
    await node.stop()
    await node.client.delete(PODS, "p", "default", grace_seconds=0)
    await node.until_gone()
    node.start()
    await node.until_true(lambda: not list(node.home.pods.iterdir()), "the pod's folder is removed")
    assert told.read_text() == "term\n"
    assert not _runs(started.pid)


async def test_a_pod_forced_away_is_ended(node: NodeHarness) -> None:
    await node.create(containers=[shell("exec sleep 300")])
    pod = await node.until(lambda pod: "running" in state_of(pod))
    started = run_of(node, pod).started()
    assert started is not None
    await node.client.delete(PODS, "p", "default", grace_seconds=0)
    await node.until_true(lambda: not list(node.home.pods.iterdir()), "the pod's folder is removed")
    assert not _runs(started.pid)


async def test_a_pod_whose_folder_is_lost_is_not_started_again(node: NodeHarness) -> None:
    await node.create(containers=[shell("exec sleep 300")])
    await node.until(lambda pod: "running" in state_of(pod))
    await node.stop()
    kill_containers(node.home)
    node.home.pods.rename(node.home.path / "lost")
    node.start()
    pod = await node.until_phase("Failed")
    assert pod["status"]["reason"] == "PodFolderLost"


async def test_a_node_that_died_before_it_started_a_container_starts_it(node: NodeHarness) -> None:
    """The folder of the run is there, no shim has come so far: the run never was."""
    await node.stop()
    pod = await node.create(containers=[shell("echo once")], schedulerName="none", nodeName="test-node")
    folder = node.home.pod(pod["metadata"]["uid"])
    folder.run("main", 0).path.mkdir(parents=True)
    PodRecord(pod=pod, ip="127.66.7.7", start_time=1.0).save(folder)
    node.start()
    pod = await node.until_phase("Succeeded")
    assert node.log(pod) == "once\n"


async def test_a_pod_that_cannot_be_run_is_tried_again(node: NodeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something the node does not expect (here a file in the place of a folder) harms that pod alone."""
    monkeypatch.setattr("footplate_local.node.node.CRASH_SECONDS", 0.2)
    await node.stop()
    pod = await node.create(containers=[shell("true")], schedulerName="none", nodeName="test-node")
    folder = node.home.pod(pod["metadata"]["uid"])
    PodRecord(pod=pod, ip="127.66.7.7", start_time=1.0).save(folder)
    (folder.path / "containers").touch()
    node.start()
    await node.create("other", containers=[shell("true")])
    await node.until_phase("Succeeded", "other")
    assert (await node.get())["status"]["phase"] == "Pending"
    (folder.path / "containers").unlink()
    await node.until_phase("Succeeded")


async def test_an_api_server_that_is_away_is_waited_for(node: NodeHarness, api_server: ApiServerInThread) -> None:
    await node.create(containers=[shell("sleep 0.5; exit 6")])
    pod = await node.until(lambda pod: "running" in state_of(pod))
    await asyncio.to_thread(api_server.stop)
    await node.until_true(lambda: run_of(node, pod).exit() is not None, "the program has ended")
    await asyncio.to_thread(api_server.start)
    terminated = ended(await node.until_phase("Failed"))
    assert terminated is not None
    assert terminated["exitCode"] == 6


async def test_a_status_that_is_refused_for_a_while_is_written_in_the_end(
    node: NodeHarness, api_server: ApiServerInThread
) -> None:
    api_server.faults.add("PATCH", "/pods/p/status", code=500, count=6)
    await node.create(containers=[shell("exit 2")])
    terminated = ended(await node.until_phase("Failed"))
    assert terminated is not None
    assert terminated["exitCode"] == 2


async def test_stopping_all_pods_without_an_api_server(node: NodeHarness) -> None:
    """Mains first, sidecars after them; the next node tells that it was no fault of the program."""
    order = node.home.path / "order"

    def recording(name: str) -> str:
        return f"trap 'echo {name} >>{order}; exit 1' TERM; {LOOP}"

    await node.create(initContainers=[sidecar(recording("agent"))], containers=[shell(recording("main"))])
    await node.until(lambda pod: "running" in state_of(pod))
    await node.stop()
    assert await asyncio.to_thread(stop_all_pods, node.home.path) == 1
    assert order.read_text().split() == ["main", "agent"]
    assert await asyncio.to_thread(stop_all_pods, node.home.path) == 0
    node.start()
    pod = await node.until_phase("Failed")
    assert pod["status"]["reason"] == "Terminated"
    disruption = next(c for c in pod["status"]["conditions"] if c["type"] == "DisruptionTarget")
    assert (disruption["status"], disruption["reason"]) == ("True", "TerminationByKubelet")


@contextlib.contextmanager
def node_process(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    log = (home / "node.log").open("ab")
    command = [sys.executable, "-m", "footplate_local.node", "--home", str(home)]
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_node_process_that_is_killed(api_server: ApiServerInThread) -> None:
    """The program as it is started by the supervisor; one node a home; SIGTERM leaves the containers running."""
    home = NodeHome(api_server.home)
    async with running_node(api_server) as helper:
        await helper.stop()
        try:
            with node_process(home.path) as first:
                agent = sidecar("trap 'echo drained; exit 0' TERM; " + LOOP)
                main = shell("echo begun; while [ ! -e /shared/stop ]; do sleep 0.05; done", volumeMounts=MOUNT)
                await helper.create(volumes=[{"name": "v", "emptyDir": {}}], initContainers=[agent], containers=[main])
                pod = await helper.until(lambda pod: "running" in state_of(pod))
                with pytest.raises(NodeRunning):
                    await asyncio.to_thread(_second_node, home)
                port = await _port(helper)
                first.kill()
            with node_process(home.path) as second:
                async with asyncio.timeout(30):
                    while await _port(helper) == port:
                        await asyncio.sleep(0.05)
                second.terminate()
                assert await asyncio.to_thread(second.wait, 20) == 0
            assert "running" in state_of(await helper.get())
            with node_process(home.path):
                (home.pod(pod["metadata"]["uid"]).volumes / "v" / "stop").touch()
                pod = await helper.until_phase("Succeeded")
                assert helper.log(pod) == "begun\n"
                assert helper.log(pod, "agent") == "drained\n"
        finally:
            kill_containers(home)


def _second_node(home: NodeHome) -> None:
    os.close(hold_node_lock(home))


async def _port(helper: NodeHarness) -> int:
    """Where the node that registered last serves logs."""
    found = await helper.client.get(NODES, node_name(helper.home.path))
    assert found is not None
    return int(found["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"])


async def _exit_code(node: NodeHarness, name: str = "p") -> int:
    terminated = ended(await node.until_phase("Failed", name))
    assert terminated is not None
    return int(terminated["exitCode"])


def _shim_server() -> int:
    """The process id of the shim server of the node in this process."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return next(int(pid) for pid in children if b"shim_server" in Path(f"/proc/{pid}/cmdline").read_bytes())


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


MOUNT = [{"name": "v", "mountPath": "/shared"}]
