"""Options that several commands have, and the console that they print to. Loaded by help: it imports nothing heavy."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from footplate.cli.runs.address import Where


class Output(StrEnum):
    """What is printed at the end."""

    TEXT = "text"
    JSON = "json"


class TableOutput(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


KubeconfigOption = Annotated[Path | None, typer.Option(help="Use the cluster of this kubeconfig.", metavar="FILE")]
ContextOption = Annotated[str | None, typer.Option(help="Use this context of the kubeconfig.", metavar="NAME")]
NamespaceOption = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Default: the namespace of the context.", metavar="NAME")
]
RunNamespaceOption = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Default: that of the context; with --store all.", metavar="NAME"),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        help="Read this store and ask no cluster. Default: $FOOTPLATE_STORE, else the cluster's.", metavar="URI"
    ),
]
EndpointOption = Annotated[str | None, typer.Option(help="Of an S3-compatible store.", metavar="URL")]
RegionOption = Annotated[str | None, typer.Option(help="Of an S3 store.", metavar="NAME")]
JsonOption = Annotated[Output, typer.Option("--output", "-o", help="json: all of it, for programs.")]
TableOption = Annotated[TableOutput, typer.Option("--output", "-o", help="json and csv have all there is.")]


def where(
    store: str | None,
    endpoint: str | None,
    region: str | None,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
    all_namespaces: bool = False,
) -> Where:
    """Where the options and the environment say that runs are looked for."""
    from footplate.cli.runs.address import Where, chosen_store
    from footplate.cli.target import choose

    asked = kubeconfig is not None or context is not None
    target = choose(kubeconfig, context, os.environ)
    named = chosen_store(store, asked, os.environ)
    return Where(target, namespace, all_namespaces, named, endpoint, region)


def console(stderr: bool = False) -> Console:
    """Colour on a terminal only, and not where NO_COLOR is set (rich sees to both)."""
    from rich.console import Console

    class Told(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would end the process in the middle; typer ends it in order

    return Told(stderr=stderr)
