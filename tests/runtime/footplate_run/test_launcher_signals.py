"""Signals to the launcher and to the program, and what becomes of processes that are left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from launcher_tree import LaunchTree, alive, kill_quietly, wait_until

SAYS_WHAT_IT_GETS = """
    import os, signal, sys, time

    def received(number, frame):
        print("got", int(number))
        sys.exit(7)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, received)
    with open("pid.tmp", "w") as file:
        file.write(str(os.getpid()))
    os.rename("pid.tmp", "pid")
    while True:
        time.sleep(0.1)  # pause() would miss a signal that comes just before it
"""

SLEEPS = """
    import os, time
    with open("pid.tmp", "w") as file:
        file.write(str(os.getpid()))
    os.rename("pid.tmp", "pid")
    time.sleep(600)
"""


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2], ids=lambda n: n.name
)
def test_a_program_that_handles_a_signal_ends_as_it_likes(tree: LaunchTree, number: signal.Signals) -> None:
    tree.write("train.py", SAYS_WHAT_IT_GETS)
    tree.orders("train.py")
    process = tree.start()
    tree.pid_from("pid")
    process.send_signal(number)
    ended = tree.finish(process)
    assert (ended.status, ended.out) == (7, f"got {int(number)}\n".encode())


def test_a_program_that_does_not_handle_it_dies_of_it(tree: LaunchTree) -> None:
    tree.write("train.py", SLEEPS)
    tree.orders("train.py")
    process = tree.start()
    tree.pid_from("pid")
    process.terminate()
    ended = tree.finish(process)
    assert ended.status == 128 + signal.SIGTERM
    assert (ended.exit["exitCode"], ended.exit["signal"]) == (None, signal.SIGTERM)
    assert ended.exit["startTime"] < ended.exit["stopTime"] <= ended.exit["endTime"]


def test_a_signal_before_the_program_starts_is_how_it_ended(tree: LaunchTree) -> None:
    tree.write("train.py", SLEEPS)
    tree.orders("train.py")
    slow = tree.root / "secrets" / "0" / "token"  # whoever reads it waits for what comes
    slow.parent.mkdir(parents=True)
    os.mkfifo(slow)
    process = tree.start()
    writing = wait_until(lambda: opened_for_writing(slow), "the Secret is read")
    process.terminate()
    ended = tree.finish(process)
    os.close(writing)
    assert ended.status == 128 + signal.SIGTERM
    assert (ended.exit["exitCode"], ended.exit["signal"]) == (None, signal.SIGTERM)


def opened_for_writing(fifo: Path) -> int | None:
    """Its descriptor, once somebody reads."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


IGNORES_TERM = """
    import os, signal, time
    signal.signal(signal.SIGTERM, lambda number, frame: print("not now"))
    with open("pid.tmp", "w") as file:
        file.write(str(os.getpid()))
    os.rename("pid.tmp", "pid")
    while True:
        time.sleep(600)
"""


def test_a_program_that_does_not_stop_in_time_is_killed(tree: LaunchTree) -> None:
    tree.write("train.py", IGNORES_TERM)
    tree.write("train.sh", f"trap '' TERM\n{tree.python} -u train.py\n")  # its whole group is meant
    tree.orders("train.sh")
    process = tree.start(env={"FOOTPLATE_STOP_SECONDS": "0.3"})
    program = tree.pid_from("pid")
    began = time.monotonic()
    process.terminate()
    ended = tree.finish(process)
    assert 0.3 <= time.monotonic() - began < 20
    assert not alive(program)
    assert ended.out == b"not now\n"
    assert ended.status == 128 + signal.SIGKILL
    assert (ended.exit["exitCode"], ended.exit["signal"]) == (None, signal.SIGKILL)
    assert ended.exit["error"] == "the program did not end within 0.3 s of signal 15 and was killed"
    assert ended.console.endswith(b"footplate: the program did not end within 0.3 s of signal 15 and was killed\n")


def test_a_program_that_stops_in_time_is_not_killed(tree: LaunchTree) -> None:
    tree.write("train.py", SAYS_WHAT_IT_GETS)
    tree.orders("train.py")
    process = tree.start(env={"FOOTPLATE_STOP_SECONDS": "60"})
    tree.pid_from("pid")
    process.terminate()
    ended = tree.finish(process)
    assert (ended.status, ended.exit["signal"], ended.exit["error"]) == (7, None, None)


@pytest.mark.parametrize(
    ("number", "env"),
    [(signal.SIGTERM, {}), (signal.SIGUSR1, {"FOOTPLATE_STOP_SECONDS": "0.1"})],
    ids=["unset", "USR1"],
)
def test_what_asks_for_no_end_in_time_kills_nothing(
    current_tree: LaunchTree, number: signal.Signals, env: dict[str, str]
) -> None:
    """Without a limit a program may take its time, and SIGUSR1 does not ask it to stop."""
    current_tree.write(
        "train.py",
        """
        import os, signal, sys, time

        def received(number, frame):
            time.sleep(0.5)
            sys.exit(7)

        signal.signal(signal.SIGTERM, received)
        signal.signal(signal.SIGUSR1, received)
        with open("pid.tmp", "w") as file:
            file.write(str(os.getpid()))
        os.rename("pid.tmp", "pid")
        while True:
            time.sleep(0.1)  # a long sleep would not end for a signal that comes just before it
        """,
    )
    current_tree.orders("train.py")
    process = current_tree.start(env=env)
    current_tree.pid_from("pid")
    process.send_signal(number)
    assert current_tree.finish(process).status == 7


def test_stop_seconds_that_are_no_number(current_tree: LaunchTree) -> None:
    current_tree.write("train.py", "")
    current_tree.orders("train.py")
    ended = current_tree.run(env={"FOOTPLATE_STOP_SECONDS": "soon"})
    assert ended.status == 2
    assert ended.exit["error"] == "FOOTPLATE_STOP_SECONDS is a number of seconds, not 'soon'"


def test_the_program_below_a_shell_gets_the_signal_too(tree: LaunchTree) -> None:
    tree.write("train.py", SAYS_WHAT_IT_GETS)
    tree.write("train.sh", f"{tree.python} -u train.py\necho after\n")
    tree.orders("train.sh")
    process = tree.start()
    tree.pid_from("pid")
    process.terminate()
    assert b"got 15\n" in tree.finish(process).out


def test_killing_the_launcher_ends_the_program(tree: LaunchTree) -> None:
    tree.write("train.py", SLEEPS)
    tree.orders("train.py")
    process = tree.start()
    program = tree.pid_from("pid")
    process.kill()
    process.communicate(timeout=30)
    try:
        wait_until(lambda: not alive(program), "the end of the program")
    finally:
        kill_quietly(program)


def test_a_signal_before_the_start_ends_the_wait(tree: LaunchTree) -> None:
    hosts = tree.root / "hosts"
    hosts.write_text("127.0.5.1 other.digits.default.svc\n")
    tree.write("train.py", "")
    tree.orders("train.py", distribution={"framework": "pytorch", "nodes": 2, "processesPerNode": 1, "port": 1})
    process = tree.start(env={"FOOTPLATE_HOSTS": str(hosts)})
    wait_until((tree.root / "outputs").exists, "the launcher's preparations")
    process.terminate()
    ended = tree.finish(process)
    assert ended.status == 128 + signal.SIGTERM
    assert (ended.exit["exitCode"], ended.exit["signal"]) == (None, signal.SIGTERM)
    assert ended.exit["error"] == "signal 15 came before the program was started"


RESTORED = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE", "SIGXFSZ")


def test_program_starts_with_the_usual_dispositions(tree: LaunchTree) -> None:
    """Python ignores SIGPIPE and SIGXFSZ in itself, and ours are blocked around the fork: none of it may show.

    What whoever started the tests ignores besides (some shells and CI runners do) is inherited, as by any program.
    """
    tree.orders(command=["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"])
    fields = dict(line.split(":") for line in tree.run().out.decode().splitlines())
    ours = sum(1 << (getattr(signal, name) - 1) for name in RESTORED)
    inherited = re.search(r"^SigIgn:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert inherited is not None
    assert int(fields["SigIgn"], 16) == int(inherited[1], 16) & ~ours
    assert int(fields["SigBlk"], 16) == 0


def test_no_descriptor_of_the_launcher_leaks(tree: LaunchTree) -> None:
    tree.orders(command=["sh", "-c", "ls /proc/$$/fd"])
    assert tree.run().out.split() == [b"0", b"1", b"2"]


def test_orphans_are_reaped_while_the_program_runs(tree: LaunchTree) -> None:
    tree.write(
        "train.py",
        """
        import os, sys, time

        read, write = os.pipe()
        if os.fork() == 0:
            orphan = os.fork()
            if orphan == 0:
                os.close(write)
                os.read(read, 1)  # until the program has closed its end: the middle one is gone by then
                os._exit(0)
            with open("orphan", "w") as file:
                file.write(str(orphan))
            os._exit(0)
        os.wait()
        orphan = int(open("orphan").read())
        parent = open("/proc/%d/stat" % orphan).read().rpartition(")")[2].split()[1]
        os.close(write)
        deadline = time.time() + 20
        while os.path.exists("/proc/%d" % orphan) and time.time() < deadline:
            time.sleep(0.01)
        print(int(parent) == os.getppid(), not os.path.exists("/proc/%d" % orphan))
        """,
    )
    tree.orders("train.py")
    assert tree.run().out == b"True True\n"


def test_nothing_outlives_the_launcher(tree: LaunchTree) -> None:
    """As in a container, where the end of PID 1 is the end of all."""
    tree.write("stay.py", SLEEPS)
    tree.write(
        "train.py",
        """
        import os, subprocess, sys, time
        subprocess.Popen([sys.executable, "stay.py"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         start_new_session=True)
        while not os.path.exists("pid"):
            time.sleep(0.01)
        """,
    )
    tree.orders("train.py")
    assert tree.run().status == 0
    left = tree.pid_from("pid")
    try:
        assert not alive(left)
    finally:
        kill_quietly(left)


def test_output_of_a_process_that_outlives_the_program_a_moment(tree: LaunchTree) -> None:
    tree.orders(command=["sh", "-c", "(sleep 0.3; echo late; printf later) & echo early"])
    ended = tree.run()
    assert ended.out == b"early\nlate\nlater"
    assert ended.console == ended.out


def test_launcher_as_pid_1(current_tree: LaunchTree) -> None:
    """In a container the launcher is PID 1, whose unhandled signals the kernel drops and which inherits orphans."""
    unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("PID namespaces are refused here")
    current_tree.write("train.sh", "echo $PPID; (sleep 0.05 &) ; kill -TERM 1; sleep 20\n")
    current_tree.orders("train.sh")
    ended = current_tree.run(prefix=unshare)
    assert ended.out == b"1\n"
    assert ended.status == 128 + signal.SIGTERM
    assert ended.exit["signal"] == signal.SIGTERM


def test_process_group_is_the_programs_own(tree: LaunchTree) -> None:
    tree.write("train.py", "import os\nprint(os.getpgid(0) == os.getpid(), os.getsid(0) == os.getsid(os.getppid()))\n")
    tree.orders("train.py")
    assert tree.run().out == b"True True\n"
