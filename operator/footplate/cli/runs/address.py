"""Where to look for runs: a store that is named, else what a cluster says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from footplate.cli.problem import CommandFailed, UsageError
from footplate_runtime.store import InvalidStore, Store, StoreSettings, open_store

if TYPE_CHECKING:
    from footplate.cli.target import Target

ENV_STORE = "FOOTPLATE_STORE"
_FROM_ENVIRONMENT = StoreSettings()


@dataclass(frozen=True, slots=True)
class Address:
    """A store, or a folder of one; credentials come from the environment."""

    uri: str
    settings: StoreSettings = _FROM_ENVIRONMENT

    def below(self, folder: str) -> Address:
        """A folder in it: `folder` is relative and ends in a slash."""
        return replace(self, uri=f"{self.uri.rstrip('/')}/{folder}")

    def open(self) -> Store:
        """Contacts nothing. Raises UsageError for what is no address, CommandFailed without the client library."""
        try:
            return open_store(self.uri, **self.settings._asdict())
        except InvalidStore as error:
            raise UsageError(str(error)) from error
        except ModuleNotFoundError as error:
            raise CommandFailed(f"{self.uri} needs {error.name}: pip install 'footplate[runtime]'") from error


@dataclass(frozen=True, slots=True)
class Where:
    """What was said on the command line. With a `store` no cluster is asked; `namespace` None is the context's, of a
    named store all."""

    target: Target
    namespace: str | None
    all_namespaces: bool = False
    store: str | None = None
    endpoint: str | None = None
    region: str | None = None

    def address(self, uri: str) -> Address:
        """With the endpoint and region of the command line."""
        return Address(uri, StoreSettings(self.endpoint, self.region))


def chosen_store(option: str | None, asked: bool, env: Mapping[str, str]) -> str | None:
    """The store to read without a cluster: the option, else FOOTPLATE_STORE unless a cluster was `asked` for.

    A KUBECONFIG in the environment asks for none: FOOTPLATE_STORE says more.
    """
    return option or (None if asked else env.get(ENV_STORE) or None)
