"""Options that several commands have, and the console that they print to. Loaded by help: it imports nothing heavy."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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


@dataclass(frozen=True, slots=True)
class Place:
    """The options that say where runs are looked for."""

    store: StoreOption = None
    endpoint: EndpointOption = None
    region: RegionOption = None
    kubeconfig: KubeconfigOption = None
    context: ContextOption = None
    namespace: RunNamespaceOption = None

    def where(self, all_namespaces: bool = False) -> Where:
        """What they and the environment say."""
        from footplate.cli.runs.address import Where, chosen_store
        from footplate.cli.target import choose

        asked = self.kubeconfig is not None or self.context is not None
        target = choose(self.kubeconfig, self.context, os.environ)
        named = chosen_store(self.store, asked, os.environ)
        return Where(target, self.namespace, all_namespaces, named, self.endpoint, self.region)


def finds_runs(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command with a parameter `place: Place` the options of Place in its stead, behind its own."""
    own = inspect.signature(command, eval_str=True).parameters.values()
    options = inspect.signature(Place, eval_str=True).parameters

    @wraps(command)
    def called(**given: Any) -> None:
        place = Place(**{name: given.pop(name) for name in options})
        command(place=place, **given)

    shown = [*(parameter for parameter in own if parameter.name != "place"), *options.values()]
    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # what typer makes options of
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return called


def console(stderr: bool = False) -> Console:
    """Colour on a terminal only, and not where NO_COLOR is set (rich sees to both)."""
    from rich.console import Console

    class Told(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would end the process in the middle; typer ends it in order

    return Told(stderr=stderr)
