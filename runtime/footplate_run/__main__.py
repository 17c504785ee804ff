"""``footplate-run``: starts the user's program in the user's container and reports how it ended.

Read top down: orders, command, peers, start, copy, report. What each step promises is in docs/architecture.md.
"""

import os
import sys
import time

from footplate_run import failure, home, layout, report, workdir
from footplate_run.console import Console, Relay, write_quietly
from footplate_run.errors import CannotStart, Stopped
from footplate_run.frameworks import framework_of
from footplate_run.hosts import Resolver, timeout_of, wait_for
from footplate_run.masking import read_secrets
from footplate_run.orders import read_orders, seconds_of
from footplate_run.process import adopt_orphans, end_descendants, spawn
from footplate_run.program import command_of, executable_path
from footplate_run.signals import Signals
from footplate_run.supervisor import StopLimit, output_pipe, supervise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from footplate_run.frameworks.base import Framework, Launch
    from footplate_run.orders import Orders


def main() -> int:
    """Runs the program of this replica and returns the launcher's exit status."""
    _open_missing_streams()
    signals = Signals()
    environment = {_text(name): _text(value) for name, value in os.environb.items()}
    root = environment.setdefault(layout.ENV_ROOT, layout.DEFAULT_ROOT)
    console = Console(os.path.join(root, layout.CONSOLE))
    began = time.time()
    try:
        signals.install()  # from here on a signal is an exception
        console.secrets = read_secrets(environment, root, console.say)
        adopt_orphans()
        orders, framework, launch = _plan(root, environment, console)
        environment.update(launch.variables)
        limit = StopLimit(seconds_of(environment, layout.ENV_STOP_SECONDS), signals, console, time.monotonic)
        status = _run(orders, launch, environment, console, signals, limit)
    except CannotStart as problem:
        signals.ignore()
        console.say(str(problem))
        ending = _ending(problem.exit_code, None, began, str(problem), console)
    except Stopped as stop:
        signals.ignore()
        ending = _ending(None, stop.number, began, str(stop), console)
    else:
        signals.ignore()
        ending = _ended(status, began, framework, console, limit.exceeded)
    ending.stop_time = signals.stopped_at
    console.close()
    _report(ending, root, environment.get(layout.ENV_TERMINATION_LOG))
    end_descendants()
    return ending.status


def _plan(root: str, environment: "dict[str, str]", console: Console) -> "tuple[Orders, Framework, Launch]":
    """Finds out what to execute, waiting for the peers that it needs."""
    orders = read_orders(root, environment, os.getcwd())
    workdir.prepare(orders, console.say)
    command = command_of(orders)
    framework = framework_of(orders)
    addresses = wait_for(
        framework.peers(),
        Resolver(environment.get(layout.ENV_HOSTS)),
        time.monotonic,
        time.sleep,
        console.say,
        timeout_of(environment),
    )
    launch = framework.launch(command, addresses, environment)
    launch.variables.update(home.variables(root, environment, console.say))
    launch.variables.update(_common_variables(orders, environment))
    return orders, framework, launch


def _common_variables(orders: "Orders", environment: "dict[str, str]") -> "dict[str, str]":
    """What every program gets, whatever its distribution."""
    package_home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # the .pyz itself
    search = [package_home] + [path for path in [environment.get("PYTHONPATH")] if path]
    variables = {"PYTHONPATH": os.pathsep.join(search), "PYTHONUNBUFFERED": "1"}
    for name in orders.inputs:
        variables[layout.input_variable(name)] = orders.input_path(name)
    return variables


def _run(
    orders: "Orders",
    launch: "Launch",
    environment: "dict[str, str]",
    console: Console,
    signals: Signals,
    limit: StopLimit,
) -> int:
    """Starts the program, copies its output until it has ended, and returns its wait status."""
    path = executable_path(launch.argv[0], orders.code, environment.get("PATH", os.defpath))
    out_read, out_write = output_pipe()
    err_read, err_write = output_pipe()
    try:
        child = spawn(path, launch.argv, environment, orders.code, out_write, err_write, launch.death_signal, signals)
    finally:
        os.close(out_write)
        os.close(err_write)
    if launch.starter:
        limit.watch(child)
    relays = [Relay(out_read, 1, console, error=False), Relay(err_read, 2, console, error=True)]
    return supervise(child, relays, signals, limit, time.monotonic)


def _ended(status: int, began: float, framework: "Framework", console: Console, overdue: "str | None") -> report.Ending:
    """Reads how a program that ran has ended; whom a framework's own starter blames stands for it.

    ``overdue`` says that the launcher killed it, when it did.
    """
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    exit_code = os.WEXITSTATUS(status) if number is None else None
    if exit_code == 0:
        return _ending(0, None, began, None, console)
    if overdue is not None:
        return _ending(exit_code, number, began, overdue, console)
    error_lines = failure.lines_of(console.error_tail.bytes())
    error = failure.error_in(error_lines) or failure.error_in(failure.lines_of(console.tail.bytes()))
    cause = None if exit_code is None else framework.cause(exit_code, error_lines)
    if cause is None:
        return _ending(exit_code, number, began, error, console)
    if cause.exit_code == 0:
        console.say(cause.ended)
        return _ending(0, None, began, None, console)
    return _ending(
        cause.exit_code, cause.signal, began, cause.error or error or cause.ended, console, replica=cause.replica
    )


def _ending(
    exit_code: "int | None",
    number: "int | None",
    began: float,
    error: "str | None",
    console: Console,
    replica: "str | None" = None,
) -> report.Ending:
    lines = failure.last_lines(failure.lines_of(console.tail.bytes()))
    if error is not None:
        error = failure.cut(console.secrets.text(error), failure.LINE_LENGTH)
    return report.Ending(exit_code, number, began, time.time(), error, lines, replica)


def _report(ending: report.Ending, root: str, termination_log: "str | None") -> None:
    """Writes both reports; a full disk costs the report, not the exit status."""
    try:
        report.write_exit(ending, os.path.join(root, layout.EXIT))
    except OSError as problem:
        write_quietly(2, "footplate: {} cannot be written: {}\n".format(layout.EXIT, problem).encode("utf-8"))
    try:
        report.write_termination_message(ending, termination_log)
    except OSError as problem:
        write_quietly(2, "footplate: the termination message cannot be written: {}\n".format(problem).encode("utf-8"))


def _open_missing_streams() -> None:
    """Opens /dev/null for a standard stream that is closed, lest a pipe of ours gets its number."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


if __name__ == "__main__":
    sys.exit(main())
