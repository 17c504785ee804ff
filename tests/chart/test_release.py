"""The release on an API server: `helm install`, `upgrade`, `rollback` and `uninstall`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml
from api_objects import DEFINITIONS, JSON, MERGE, created, eventually, read
from api_server import ApiServerInThread
from chart import CHART, NAMESPACE, STORE, render
from helm_python import config as helm_config

SECONDS = 60
JOB_DEFINITION = f"{DEFINITIONS}/trainingjobs.footplate.dev"
JOBS = "/apis/footplate.dev/v1alpha1/namespaces/team/trainingjobs"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
VALUES: dict[str, Any] = {"store": {"uri": STORE}, "replicas": 2, "networkPolicy": {"enabled": True}}
ABOUT_CLUSTER = ("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")
GROUPS = {
    "Deployment": "/apis/apps/v1",
    "NetworkPolicy": "/apis/networking.k8s.io/v1",
    "PodDisruptionBudget": "/apis/policy/v1",
    **dict.fromkeys(("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"), RBAC),
}
PLURALS = {"NetworkPolicy": "networkpolicies"}


@pytest.fixture
def server(api_server: ApiServerInThread) -> ApiServerInThread:
    created(api_server, "/api/v1/namespaces", {"metadata": {"name": "team"}})
    return api_server


@pytest.fixture
def place(server: ApiServerInThread) -> Iterator[helm.Config]:
    with helm.Config(kubeconfig_path=server.kubeconfig, namespace=NAMESPACE) as found:
        yield found


def install(place: helm.Config, chart: Path = CHART, **values: Any) -> JSON:
    return place.install(chart, "footplate", {**VALUES, **values}, create_namespace=True, timeout=SECONDS)


def upgrade(place: helm.Config, chart: Path = CHART, **values: Any) -> JSON:
    return place.upgrade(chart, "footplate", {**VALUES, **values}, timeout=SECONDS)


def path_of(manifest: JSON) -> str:
    kind, metadata = manifest["kind"], manifest["metadata"]
    if kind == "CustomResourceDefinition":
        return f"{DEFINITIONS}/{metadata['name']}"
    folder = PLURALS.get(kind, f"{kind.lower()}s")
    scope = "" if kind in ABOUT_CLUSTER else f"/namespaces/{metadata['namespace']}"
    return f"{GROUPS.get(kind, '/api/v1')}{scope}/{folder}/{metadata['name']}"


def of_release(values: JSON) -> set[str]:
    """The paths of all that the chart makes, but the definitions."""
    return {path_of(item) for item in render(values).manifests if item["kind"] != "CustomResourceDefinition"}


def there(server: ApiServerInThread, paths: set[str]) -> set[str]:
    return {path for path in paths if server.request("GET", path)[0] == 200}


def job(name: str, **spec: Any) -> JSON:
    return {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": {"image": "python:3.12-slim", "entrypoint": {"command": ["true"]}, **spec},
    }


def with_a_new_field(folder: Path) -> Path:
    """The chart of a later version, whose TrainingJobs have one more field."""
    shutil.copytree(CHART, folder)
    file = folder / "files" / "crds" / "trainingjobs.yaml"
    definition = yaml.safe_load(file.read_text())
    (version,) = definition["spec"]["versions"]
    version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["mood"] = {"type": "string"}
    file.write_text("# later\n" + yaml.safe_dump(definition))
    return folder


def test_from_installation_to_its_end_and_back(server: ApiServerInThread, place: helm.Config, tmp_path: Path) -> None:
    release = install(place)
    assert (release["status"], release["revision"]) == ("deployed", 1)
    objects = of_release(VALUES)
    assert there(server, objects) == objects, "all of it"
    created(server, JOBS, job("first"))
    settings = f"/api/v1/namespaces/{NAMESPACE}/configmaps/footplate-settings"
    deployment = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/footplate-operator"
    before = read(server, deployment)["spec"]["template"]

    # Another namespace, another setting, and a definition with one more field.
    later = with_a_new_field(tmp_path / "later")
    watched = {"watchNamespaces": ["team"], "settings": {"qps": 50}}
    upgrade(place, later, **watched)
    assert yaml.safe_load(read(server, settings)["data"]["settings.yaml"])["qps"] == 50
    assert read(server, deployment)["spec"]["template"] != before, "which makes new pods"
    now = of_release({**VALUES, **watched})
    assert there(server, now) == now
    assert there(server, objects - now) == set(), "no right for the cluster is left"
    assert created(server, JOBS, job("second", mood="good"))["spec"]["mood"] == "good"
    assert read(server, f"{JOBS}/first")["spec"]["image"] == "python:3.12-slim", "older jobs are what they were"

    place.rollback("footplate", version=1, timeout=SECONDS)
    assert there(server, objects) == objects
    assert "qps" not in read(server, settings)["data"]["settings.yaml"]

    place.uninstall("footplate", timeout=SECONDS)
    eventually(lambda: there(server, objects | now) == set(), SECONDS)
    assert {item["metadata"]["name"] for item in read(server, JOBS)["items"]} == {"first", "second"}

    assert install(place)["status"] == "deployed", "the kept definitions are taken up again"
    assert there(server, objects) == objects


def test_definitions_that_are_not_kept_go_with_all_jobs(server: ApiServerInThread, place: helm.Config) -> None:
    install(place, crds={"keep": False})
    created(server, JOBS, job("first"))
    place.uninstall("footplate", timeout=SECONDS)
    eventually(lambda: server.request("GET", JOBS)[0] == 404, SECONDS)


def test_definitions_of_somebody_else_are_left_alone(server: ApiServerInThread, place: helm.Config) -> None:
    """As where an administrator applies crds/ and a team installs the operator."""
    server.load_crds()
    few = {"crds": {"install": False}, "rbac": {"userRoles": False}, "watchNamespaces": ["team"]}
    install(place, **few)
    place.uninstall("footplate", timeout=SECONDS)
    assert read(server, JOBS)["items"] == []


def test_definitions_made_with_kubectl_are_taken_over_when_helm_is_told(
    server: ApiServerInThread, place: helm.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.load_crds()
    changed = {"spec": {"names": {"categories": ["other"]}}}
    server.request("PATCH", f"{JOB_DEFINITION}?fieldManager=kubectl", changed, MERGE)
    with pytest.raises(helm.HelmError, match=r'"computepools\.footplate\.dev".*invalid ownership metadata'):
        install(place)
    options = helm_config._opts  # the library has these two options of Helm, its Python face has not
    told = {"take_ownership": True, "force_conflicts": True}
    monkeypatch.setattr(helm_config, "_opts", lambda **given: options(**given, **told))
    install(place)
    assert read(server, JOB_DEFINITION)["spec"]["names"]["categories"] == ["footplate"]


def test_a_namespace_that_does_not_exist(place: helm.Config) -> None:
    with pytest.raises(helm.HelmError, match='namespaces "nowhere" not found'):
        install(place, watchNamespaces=["nowhere"])


def test_an_installation_without_a_store_makes_nothing(server: ApiServerInThread, place: helm.Config) -> None:
    with pytest.raises(helm.HelmError, match=r"store\.uri is empty"):
        place.install(CHART, "footplate", {}, create_namespace=True, timeout=SECONDS)
    assert server.request("GET", JOB_DEFINITION)[0] == 404
