"""Which cluster a command talks to.

A rule that never surprises: `--kubeconfig`, `--context` or a KUBECONFIG in the environment name a cluster, and that one
is used; otherwise it is the embedded cluster of this machine. The cluster of ~/.kube/config is never used unless
`--context` asks for it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from footplate.cli.problem import CommandFailed
from footplate_local.home import Home

if TYPE_CHECKING:
    from footplate.kube.client import KubeClient


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster. `embedded` is its home when it is the embedded one; `named` when the user has named it."""

    kubeconfig: str | None
    context: str | None
    embedded: Home | None
    named: bool

    @asynccontextmanager
    async def client(self) -> AsyncIterator[KubeClient]:
        """Connected for as long as the block runs.

        Raises NoCluster when a kubeconfig cannot be read, CommandFailed when the embedded cluster was never brought up.
        """
        if self.embedded is not None and not self.embedded.kubeconfig.exists():
            raise CommandFailed(
                "no cluster is named (--context, --kubeconfig, KUBECONFIG) and the embedded one has not been started: "
                "footplate local up"
            )
        from footplate.engine.clock import SystemClock  # half a second that commands on a store alone do without
        from footplate.kube.client import KubeClient

        client = await KubeClient.connect(
            kubeconfig=self.kubeconfig, context=self.context, clock=SystemClock(), user_agent="footplate-cli"
        )
        try:
            yield client
        finally:
            await client.close()


def choose(kubeconfig: Path | None, context: str | None, env: Mapping[str, str]) -> Target:
    """The cluster that the options and the environment name; else the embedded one."""
    home = Home.of(env)
    named = str(kubeconfig) if kubeconfig else env.get("KUBECONFIG") or None
    if named and Path(named).expanduser().absolute() == home.kubeconfig and not context:
        return Target(str(home.kubeconfig), None, home, named=True)
    if named or context:
        return Target(named, context, None, named=True)
    return Target(str(home.kubeconfig), None, home, named=False)


def kubectl_flags(target: Target, env: Mapping[str, str] = os.environ) -> str:
    """What a `kubectl` of the user needs to reach the cluster: nothing when the environment says it all."""
    flags = ""
    if target.kubeconfig and target.kubeconfig != env.get("KUBECONFIG"):
        flags += f" --kubeconfig {target.kubeconfig}"
    if target.context:
        flags += f" --context {target.context}"
    return flags
