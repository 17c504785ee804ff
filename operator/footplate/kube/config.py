"""Where the API server is and how to prove who we are: kubeconfig or a pod's service account.

Reading kubeconfigs (tokens, certificates, exec plugins, OIDC) is left to the official client.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yaml import YAMLError

from footplate.errors import NoCluster

SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What another HTTP client needs to talk to the same API server, as of now."""

    server: str
    namespace: str
    token: str | None  # without its scheme
    ca_path: str | None
    certificate_path: str | None
    key_path: str | None
    insecure: bool
    proxy: str | None


@dataclass(frozen=True, slots=True)
class Connection:
    """An API server and credentials for it. `auth` is the client's Configuration, which renews what it can."""

    server: str
    namespace: str
    auth: Any
    tls: ssl.SSLContext | None
    tls_name: str | None = None  # the name in the server's certificate, when it differs from the address
    proxy: str | None = None

    async def headers(self) -> dict[str, str]:
        """The credentials of one request; a service account's token is read again every minute."""
        token = await self._token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    async def credentials(self) -> Credentials:
        """The same connection for a client that is not ours."""
        return Credentials(
            server=self.server,
            namespace=self.namespace,
            token=await self._token(),
            ca_path=self.auth.ssl_ca_cert,
            certificate_path=self.auth.cert_file,
            key_path=self.auth.key_file,
            insecure=not self.auth.verify_ssl,
            proxy=self.proxy,
        )

    async def _token(self) -> str | None:
        """The client keeps it with its scheme, which is "Bearer" in a kubeconfig's and "bearer" in a pod's."""
        value = await self.auth.get_api_key_with_prefix("BearerToken")
        return str(value).rpartition(" ")[2] if value else None


async def load(kubeconfig: str | None, context: str | None, environ: Mapping[str, str]) -> Connection:
    """The kubeconfig given; else that of KUBECONFIG or ~/.kube/config; else the pod's service account.

    Raises NoCluster with a sentence that says what was looked for and what is wrong with it.
    """
    paths = kubeconfig or environ.get("KUBECONFIG") or _default_kubeconfig(environ)
    if paths:
        return await _from_kubeconfig(paths, context)
    if "KUBERNETES_SERVICE_HOST" in environ:
        return _from_service_account()
    raise NoCluster(
        "There is no cluster to talk to: KUBECONFIG is not set, ~/.kube/config does not exist and this is "
        "not a pod; name a kubeconfig, or start a cluster on this machine with `footplate local up`."
    )


def _default_kubeconfig(environ: Mapping[str, str]) -> str | None:
    path = Path(environ.get("HOME") or Path.home()) / ".kube" / "config"
    return str(path) if path.is_file() else None


async def _from_kubeconfig(paths: str, context: str | None) -> Connection:
    # Imports every model of every API: 0.4 s that only those who connect should pay.
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config import ConfigException, load_kube_config

    if not any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep) if path):
        raise NoCluster(f"The kubeconfig {paths} does not exist.")
    auth = Configuration()
    try:
        loader = await load_kube_config(
            config_file=paths, context=context, client_configuration=auth, persist_config=False
        )
        namespace = loader.current_context["context"].get("namespace") or "default"
        return _connection(auth, namespace)
    except ConfigException as error:
        raise NoCluster(f"The kubeconfig {paths} cannot be used: {error}") from error
    except (OSError, ValueError, YAMLError) as error:
        raise NoCluster(f"The kubeconfig {paths} cannot be read: {error}") from error
    except (AttributeError, KeyError, TypeError) as error:  # of the loader, over YAML of another shape
        raise NoCluster(f"The file {paths} is not a kubeconfig.") from error


def _from_service_account() -> Connection:
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config import ConfigException, load_incluster_config

    auth = Configuration()
    try:
        load_incluster_config(client_configuration=auth)
        namespace = SERVICE_ACCOUNT_NAMESPACE.read_text().strip() or "default"
        return _connection(auth, namespace)
    except (ConfigException, OSError) as error:
        raise NoCluster(f"The service account of this pod cannot be used: {error}") from error


def _connection(auth: Any, namespace: str) -> Connection:
    return Connection(
        server=auth.host.rstrip("/"),
        namespace=namespace,
        auth=auth,
        tls=_tls(auth) if auth.host.startswith("https:") else None,
        tls_name=auth.tls_server_name,
        proxy=auth.proxy,
    )


def _tls(auth: Any) -> ssl.SSLContext:
    tls = ssl.create_default_context(cafile=auth.ssl_ca_cert)
    if auth.cert_file:
        tls.load_cert_chain(auth.cert_file, keyfile=auth.key_file)
    if not auth.verify_ssl:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls
