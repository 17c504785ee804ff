from __future__ import annotations

from pathlib import Path

import pytest

from footplate.cli.problem import CommandFailed
from footplate.cli.target import choose, kubectl_flags

HOME = {"HOME": "/home/ada"}
EMBEDDED = "/home/ada/.footplate/kubeconfig"


def test_without_a_word_it_is_the_embedded_cluster() -> None:
    target = choose(None, None, HOME)
    assert target.embedded is not None
    assert target.kubeconfig == EMBEDDED


def test_footplate_home_moves_it() -> None:
    target = choose(None, None, {**HOME, "FOOTPLATE_HOME": "/data/try"})
    assert target.kubeconfig == "/data/try/kubeconfig"


def test_kubeconfig_names_a_cluster() -> None:
    target = choose(None, None, {**HOME, "KUBECONFIG": "/etc/k8s/prod"})
    assert target.embedded is None
    assert target.kubeconfig == "/etc/k8s/prod"


def test_the_option_wins_over_the_environment() -> None:
    target = choose(Path("/etc/k8s/test"), None, {**HOME, "KUBECONFIG": "/etc/k8s/prod"})
    assert target.kubeconfig == "/etc/k8s/test"


def test_a_context_means_the_users_own_kubeconfig() -> None:
    target = choose(None, "prod", HOME)
    assert (target.kubeconfig, target.context, target.embedded) == (None, "prod", None)


def test_the_embedded_clusters_kubeconfig_is_known_again() -> None:
    target = choose(None, None, {**HOME, "KUBECONFIG": EMBEDDED})
    assert target.embedded is not None


async def test_an_embedded_cluster_that_never_was(tmp_path: Path) -> None:
    target = choose(None, None, {"FOOTPLATE_HOME": str(tmp_path)})
    with pytest.raises(CommandFailed, match="footplate local up"):
        async with target.client():
            pass


def test_what_kubectl_must_be_told() -> None:
    embedded = choose(None, None, HOME)
    assert kubectl_flags(embedded, HOME) == f" --kubeconfig {EMBEDDED}"
    assert kubectl_flags(embedded, {**HOME, "KUBECONFIG": EMBEDDED}) == ""
    assert kubectl_flags(choose(None, "prod", HOME), HOME) == " --context prod"
