"""Finding the cluster: which file is read, and what is said when that fails."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_server import ApiServerInThread
from kubernetes.aio.config import incluster_config

from footplate.engine.clock import SystemClock
from footplate.errors import NoCluster
from footplate.kube import config
from footplate.kube.client import KubeClient
from footplate.kube.config import load
from footplate.kube.resources import NAMESPACES

SERVER = "http://127.0.0.1:1"


def kubeconfig(path: Path, user: dict[str, Any], server: str = SERVER, **context: str) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u"} | context},
            {"name": "there", "context": {"cluster": "c", "user": "u", "namespace": "there"}},
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return str(path)


async def test_a_token_becomes_a_header(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", {"token": "secret"}, namespace="ml")
    connection = await load(path, None, {})
    assert connection.server == SERVER
    assert connection.namespace == "ml"
    assert await connection.headers() == {"Authorization": "Bearer secret"}


async def test_a_context_can_be_chosen(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", {"token": "secret"})
    assert (await load(path, None, {})).namespace == "default"
    assert (await load(path, "there", {})).namespace == "there"
    with pytest.raises(NoCluster, match="elsewhere"):
        await load(path, "elsewhere", {})


async def test_an_exec_plugin_is_asked_for_the_token(tmp_path: Path) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-plugin"},
    }
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!{sys.executable}\nprint({json.dumps(json.dumps(credential))})\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    user = {"exec": {"apiVersion": credential["apiVersion"], "command": str(plugin)}}
    connection = await load(kubeconfig(tmp_path / "config", user), None, {})
    assert await connection.headers() == {"Authorization": "Bearer from-plugin"}


async def test_without_a_name_kubeconfig_then_home_is_read(tmp_path: Path) -> None:
    in_home = kubeconfig(tmp_path / ".kube" / "config", {}, server="http://home")
    other = kubeconfig(tmp_path / "other", {}, server="http://other")
    environ = {"HOME": str(tmp_path), "KUBECONFIG": other}
    assert (await load(None, None, environ)).server == "http://other"
    assert (await load(in_home, None, environ)).server == "http://home"
    assert (await load(None, None, {"HOME": str(tmp_path)})).server == "http://home"


async def test_without_any_the_sentence_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(NoCluster, match=r"KUBECONFIG is not set, ~/\.kube/config does not exist"):
        await load(None, None, {"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("just words", "is not a kubeconfig"),
        ("{}", "cannot be used"),
        ("{current-context: a, contexts: []}", "cannot be used"),
    ],
)
async def test_a_broken_kubeconfig_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(NoCluster, match=said) as caught:
        await load(str(path), None, {})
    assert str(path) in str(caught.value)


async def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoCluster, match="does not exist"):
        await load(str(tmp_path / "nowhere"), None, {})


async def test_a_pod_takes_the_token_of_its_service_account_and_gives_it_to_kopf(
    api_server: ApiServerInThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = {"token": api_server.token, "namespace": "ml", "ca.crt": api_server.certificate.read_text()}
    for name, data in account.items():
        (tmp_path / name).write_text(data)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setattr(config, "SERVICE_ACCOUNT_NAMESPACE", tmp_path / "namespace")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(api_server.server.port))
    client = await KubeClient.connect(clock=SystemClock(), environ={"KUBERNETES_SERVICE_HOST": "127.0.0.1"})
    try:
        assert await client.get(NAMESPACES, "default") is not None
        told = await client.credentials()
    finally:
        await client.close()
    assert (told.token, told.namespace, told.ca_path) == (api_server.token, "ml", str(tmp_path / "ca.crt"))


async def test_a_pod_without_its_service_account_is_told_so(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "127.0.0.1"}
    with pytest.raises(NoCluster, match="The service account of this pod cannot be used"):
        await load(None, None, environ)
