"""The entry point of `footplate`: its subcommands, their options, and how errors are told.

Nothing is imported here that help does not need; each command loads what it uses when it is called.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from footplate.cli import run_commands
from footplate.cli.options import (
    ContextOption,
    KubeconfigOption,
    NamespaceOption,
    Output,
    Place,
    console,
    finds_runs,
)


class _Commands(TyperGroup):
    """`run show` is `runs show`; a folder of that name is ./show."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, ["runs", *args[1:]] if args[:2] == ["run", "show"] else args)


# Plain help: typer's rich help costs 150 ms, more than the rest of the start.
app = typer.Typer(
    cls=_Commands, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)
local_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(local_app, name="local")


VERBOSE = "--verbose"  # taken out of the arguments by `main`, so that it may stand anywhere


@app.callback()
def footplate(
    verbose: Annotated[bool, typer.Option(VERBOSE, help="Show where in the code an error came from.")] = False,
) -> None:
    """Run machine-learning training jobs as Kubernetes custom resources.

    \b
    Examples:
      footplate run examples/digits           train on a cluster inside this machine
      footplate run job.yaml --context prod   train on a real cluster
      footplate logs -f digits                come back to a job
      footplate runs --sort -accuracy         all runs, those of deleted jobs too
      footplate outputs get digits --all .    what a run has left
      footplate local up                      the cluster inside this machine, for kubectl
    """


@app.command()
def run(
    paths: Annotated[
        list[Path], typer.Argument(help="YAML files, folders of them, or kustomizations.", metavar="FILE|DIR…")
    ],
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    namespace: NamespaceOption = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Stay until the job has ended.")] = True,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="json: the job's final state, one line.")
    ] = Output.TEXT,
) -> None:
    """Apply manifests, follow the training job in them, and exit with its result.

    Without --kubeconfig, --context or KUBECONFIG the job runs on the cluster inside this machine, which is started when
    needed. A job that has run before runs again under the next free name: digits-2, digits-3, …; one that is still
    running is followed. Ctrl-C ends the following, never the job.

    \b
    Exit codes: 0 completed, 1 failed, 2 wrong usage or a refused manifest, 130 interrupted.

    \b
    Examples:
      footplate run examples/digits
      footplate run environment.yaml job.yaml --no-follow
      footplate run job.yaml --context prod -n research
      footplate run job.yaml --output json 2>/dev/null | jq .status.metrics
    """
    from footplate.cli import run as command
    from footplate.cli.target import choose

    target = choose(kubeconfig, context, os.environ)
    order = command.Order(tuple(paths), target, namespace, follow, output is Output.JSON)
    raise typer.Exit(command.run(order, console(), console(stderr=True)))


@app.command()
@finds_runs
def logs(
    place: Place,
    name: Annotated[str, typer.Argument(help="A job, <job>-<uid8>, or the URI of a run.", metavar="RUN")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
    build: Annotated[
        bool, typer.Option("--build", help="How its environment was built; RUN may be an Environment, too.")
    ] = False,
    replica: Annotated[str | None, typer.Option(help="Default: the primary one.", metavar="ROLE-INDEX")] = None,
    attempt: Annotated[int | None, typer.Option(help="Default: the newest one.", min=1, metavar="N")] = None,
    listing: Annotated[bool, typer.Option("--list", help="Show which logs the store has.")] = False,
    file: Annotated[str | None, typer.Option(help="Print one of these.", metavar="FILE")] = None,
) -> None:
    """Print what a job's program printed: from its pods while they exist, else from the store, also of deleted jobs.

    With -f the exit code is the job's result, as with footplate run.

    \b
    Examples:
      footplate logs digits
      footplate logs -f digits
      footplate logs digits-ddp --replica worker-1 --attempt 2
      footplate logs digits --list
      footplate logs digits --file 1/worker-0/debug.log
      footplate logs digits-33f8a81f --store s3://bucket/prefix
      footplate logs digits --build
    """
    if build:
        from footplate.cli import build_log

        raise typer.Exit(build_log.show(build_log.Order(place.where(), name, follow)))
    from footplate.cli import show_logs as command

    order = command.Order(place.where(), name, replica, attempt, follow, listing, file)
    raise typer.Exit(command.show(order, console(stderr=True)))


@app.command()
def upload(
    pod_dir: Annotated[
        Path, typer.Option(help="The pod's folder on its node, or a copy of its volume.", metavar="DIR", exists=True)
    ],
    store: Annotated[
        str | None, typer.Option(help="Default: the store that the job had.", metavar="URI", show_default=False)
    ] = None,
    timeout: Annotated[float, typer.Option(help="Give up a store that fails after so long.", min=1)] = 3600,
) -> None:
    """Bring to the store what a pod has left in its volume and its agent could not upload.

    Outputs, logs, metrics and the record go where they belong in the run, and the manifest is written. What is in the
    store already is not sent again, so it may be called again after any end. It refuses when a later attempt of the
    replica has begun. The keys of the store come from the usual variables (AWS_ACCESS_KEY_ID, …).

    \b
    Exit codes: 0 all is in the store, 1 not all, 2 DIR is no volume of a replica.

    \b
    Examples:
      footplate upload --pod-dir /var/lib/kubelet/pods/2f6c…   on the node
      footplate upload --pod-dir ./kept-volume                 on a copy of the volume
      footplate upload --pod-dir ./kept-volume --store file:///srv/salvaged
    """
    from footplate.cli import upload as command

    raise typer.Exit(command.upload(command.Order(pod_dir, store, timeout), console(), console(stderr=True)))


@app.command()
def version() -> None:
    """Print the version.

    \b
    Example:
      footplate version
    """
    from footplate import __version__

    print(__version__)


run_commands.register(app)


@local_app.callback()
def local() -> None:
    """A single-machine cluster for trying jobs: an API server, a node that runs pods as processes, and the operator.

    It keeps everything under FOOTPLATE_HOME (default ~/.footplate).

    \b
    Examples:
      footplate local up
      export KUBECONFIG=$(footplate local kubeconfig)
      FOOTPLATE_HOME=/tmp/try footplate local up
    """


@local_app.command()
def up(
    no_operator: Annotated[
        bool, typer.Option("--no-operator", help="An API server and a node alone, for the Helm chart to be installed.")
    ] = False,
) -> None:
    """Start the cluster, or what is missing of it, and return when it is ready.

    \b
    Examples:
      footplate local up && export KUBECONFIG=$(footplate local kubeconfig) && kubectl get nodes
      FOOTPLATE_HOME=/tmp/chart footplate local up --no-operator
    """
    from footplate.cli import local as command

    raise typer.Exit(command.up(console(), operator=not no_operator))


@local_app.command()
def down() -> None:
    """Stop the cluster and the programs in it. Objects, environments and outputs are kept.

    \b
    Example:
      footplate local down
    """
    from footplate.cli import local as command

    raise typer.Exit(command.down(console()))


@local_app.command()
def status() -> None:
    """Show what runs; the exit code is 0 when everything is ready.

    \b
    Example:
      footplate local status
    """
    from footplate.cli import local as command

    raise typer.Exit(command.status(console()))


@local_app.command()
def kubeconfig() -> None:
    """Print the path of the cluster's kubeconfig.

    \b
    Example:
      export KUBECONFIG=$(footplate local kubeconfig)
    """
    from footplate_local.home import Home

    print(Home.of(os.environ).kubeconfig)


@local_app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Stop the cluster and delete all it holds: objects, environments, and the outputs and logs of all runs.

    \b
    Example:
      footplate local reset --yes
    """
    from footplate.cli import local as command
    from footplate_local.home import Home

    if not yes:
        typer.confirm(f"Delete everything in {Home.of(os.environ).path}, outputs of all runs included?", abort=True)
    raise typer.Exit(command.reset(console()))


def main() -> None:
    """Run the command line; errors are one sentence on stderr, with --verbose their traceback too."""
    arguments = [argument for argument in sys.argv[1:] if argument != VERBOSE]
    try:
        app(arguments, prog_name="footplate")
    except Exception as error:  # noqa: BLE001 - the last resort; it is told, never swallowed
        sys.exit(_tell(error, VERBOSE in sys.argv))


def _tell(error: Exception, verbose: bool) -> int:
    """Say what went wrong and choose the exit code."""
    from footplate.cli.problem import FAILED, USAGE, UsageError
    from footplate.errors import FootplateError
    from footplate_runtime.store import StoreError

    if verbose:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, FootplateError | StoreError):
        console(stderr=True).print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return USAGE if isinstance(error, UsageError) else FAILED
    text = f"error: this should not have happened ({type(error).__name__}: {error}); --verbose shows where"
    console(stderr=True).print(text, style="red", highlight=False, markup=False, soft_wrap=True)
    return FAILED
