"""The commands that read runs: `runs`, `run show`, `metrics`, `outputs`, `compare`. They need a store or a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from footplate.cli.options import JsonOption, Output, Place, TableOption, TableOutput, console, finds_runs

runs_app = typer.Typer(rich_markup_mode=None)
outputs_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
RunArgument = Annotated[str, typer.Argument(help="A job, <job>-<uid8>, or the URI of a run.", metavar="RUN")]
DeletedOption = Annotated[
    bool, typer.Option("--deleted", help="Also what the program had deleted and the store still has.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(runs_app, name="runs")
    app.command()(metrics)
    app.add_typer(outputs_app, name="outputs")
    app.command()(compare)


@runs_app.callback(invoke_without_command=True)
@finds_runs
def runs(
    place: Place,
    context_of_call: typer.Context,
    experiment: Annotated[str | None, typer.Option(help="Only of this experiment.", metavar="NAME")] = None,
    sort: Annotated[
        str,
        typer.Option(help="started, duration or a metric (loss, loss.min); with - the greatest first.", metavar="KEY"),
    ] = "-started",
    limit: Annotated[int | None, typer.Option(help="At most so many.", min=1, metavar="N")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Show this metric; repeatable.", metavar="NAME")] = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Of all namespaces.")] = False,
    output: TableOption = TableOutput.TABLE,
) -> None:
    """List runs: those that are under way, those that have ended, and those whose jobs were deleted.

    The store has them all, so a cluster is not needed. Shown are up to three metrics and the parameters that differ.

    \b
    Examples:
      footplate runs
      footplate runs --experiment digits --sort -accuracy --limit 10
      footplate runs --store s3://bucket/prefix -o csv > runs.csv
      footplate runs show digits
    """
    if context_of_call.invoked_subcommand is not None:
        _refuse_before_show(context_of_call)
        return
    from footplate.cli.runs import listing as command

    order = command.Order(place.where(all_namespaces), experiment, sort, limit, metric or [], output.value)
    raise typer.Exit(command.show(order, console(), console(stderr=True)))


def _refuse_before_show(call: typer.Context) -> None:
    """`runs --store URI show NAME` must not read another store than it says."""
    if any(str(call.get_parameter_source(name)).endswith("COMMANDLINE") for name in call.params):
        raise typer.BadParameter("options of show stand behind it: footplate runs show RUN --store URI")


@runs_app.command("show")
@finds_runs
def show(
    place: Place,
    run: RunArgument,
    output: JsonOption = Output.TEXT,
) -> None:
    """Show the record of a run: phase and why, attempts, environment, source, parameters, inputs, metrics, outputs.

    `footplate run show` is the same.

    \b
    Examples:
      footplate run show digits
      footplate runs show digits-33f8a81f -o json | jq .record.environment
      footplate runs show s3://bucket/prefix/default/digits-33f8a81f/
    """
    from footplate.cli.runs import show as command

    order = command.Order(place.where(), run, output is Output.JSON)
    raise typer.Exit(command.show(order, console(), console(stderr=True)))


@finds_runs
def metrics(
    place: Place,
    run: RunArgument,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Metrics to chart, patterns too; without, a table of all.", metavar="METRIC"),
    ] = None,
    compare: Annotated[
        list[str] | None, typer.Option(help="Another run in the same charts; repeatable.", metavar="RUN")
    ] = None,
    all_ranks: Annotated[bool, typer.Option("--all-ranks", help="Of every rank, not of rank 0 alone.")] = False,
    over_time: Annotated[bool, typer.Option("--time", help="Over seconds, not over steps.")] = False,
    output: TableOption = TableOutput.TABLE,
    html: Annotated[
        Path | None, typer.Option(help="Write the charts to a page that needs no network.", metavar="FILE")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Write the charts to an image.", metavar="FILE")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Draw anew until the run has ended.")] = False,
) -> None:
    """Show the history of a run's metrics: charts of those that are named, a table of all without a name.

    What the program logged, TensorBoard wrote or the console said, over all attempts; where a later attempt went back
    to a checkpoint its values count.

    \b
    Examples:
      footplate metrics digits
      footplate metrics digits loss accuracy
      footplate metrics digits 'val_*' --compare digits-2 --compare digits-3
      footplate metrics digits --html digits.html
      footplate metrics digits loss -o csv > loss.csv
    """
    from footplate.cli.runs import metrics as command

    chosen = command.Order(
        place.where(), run, names or [], compare or [], all_ranks, over_time, output.value, png, html, follow
    )
    raise typer.Exit(command.show(chosen, console(), console(stderr=True)))


@outputs_app.callback()
def outputs() -> None:
    """List and fetch the outputs of a run, from the store that has them.

    \b
    Examples:
      footplate outputs ls digits
      footplate outputs get digits --all ./digits
    """


@outputs_app.command()
@finds_runs
def ls(
    place: Place,
    run: RunArgument,
    path: Annotated[str, typer.Argument(help="A file or a folder of the outputs.", metavar="PATH")] = "",
    deleted: DeletedOption = False,
    output: JsonOption = Output.TEXT,
) -> None:
    """List the outputs of a run with size, time and the start of their sha256; those of other replicas below ranks/.

    \b
    Examples:
      footplate outputs ls digits
      footplate outputs ls digits checkpoints -o json
    """
    from footplate.cli.runs import output_commands as command

    order = command.ListOrder(place.where(), run, path, deleted, output is Output.JSON)
    raise typer.Exit(command.ls(order, console(), console(stderr=True)))


@outputs_app.command()
@finds_runs
def get(
    place: Place,
    run: RunArgument,
    places: Annotated[
        list[str],
        typer.Argument(help="Files or folders of the outputs, then the folder to put them in.", metavar="[PATH]… DIR"),
    ],
    everything: Annotated[bool, typer.Option("--all", help="All outputs of all replicas.")] = False,
    deleted: DeletedOption = False,
) -> None:
    """Fetch outputs of a run into a folder, and check them against the run's manifest.

    What is there already is left alone; what was stopped goes on when the same command is given again.

    \b
    Examples:
      footplate outputs get digits --all ./digits
      footplate outputs get digits model.joblib report.json .
      footplate outputs get digits checkpoints/ /data/digits
    """
    from footplate.cli.problem import UsageError
    from footplate.cli.runs import output_commands as command

    *paths, folder = places
    if everything == bool(paths):
        raise UsageError(
            f"name the outputs to fetch or --all, then the folder: footplate outputs get {run} --all {folder}"
        )
    order = command.GetOrder(place.where(), run, paths, deleted, Path(folder))
    raise typer.Exit(command.get(order, console(stderr=True)))


@finds_runs
def compare(
    place: Place,
    names: Annotated[list[str], typer.Argument(help="Two runs or more.", metavar="RUN")],
    different: Annotated[bool, typer.Option("--different", "-d", help="Only what differs.")] = False,
    output: JsonOption = Output.TEXT,
) -> None:
    """Show runs side by side: parameters, metrics, environment, source, inputs and spec. What differs is marked with ≠.

    \b
    Examples:
      footplate compare digits digits-2
      footplate compare digits digits-2 digits-3 --different
      footplate compare digits digits-2 -o json | jq '.rows[] | select(.differs)'
    """
    from footplate.cli.problem import UsageError
    from footplate.cli.runs import compare as command

    if len(names) < 2:
        raise UsageError(f"name two runs or more: footplate compare {names[0]} {names[0]}-2")
    order = command.Order(place.where(), names, different, output is Output.JSON)
    raise typer.Exit(command.show(order, console(), console(stderr=True)))
