"""Helm 4 on the server: releases from their installation to their end."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml
from api_objects import DEFINITIONS, JSON, MERGE, created, eventually, gone, read
from api_server import ApiServerInThread

CHART = Path(__file__).with_name("chart")
SECONDS = 20
TANKS = f"{DEFINITIONS}/tanks.aquarium.example.com"
OF_NAMESPACE = (
    "/api/v1/namespaces/{0}/serviceaccounts/aq",
    "/api/v1/namespaces/{0}/configmaps/aq-settings",
    "/api/v1/namespaces/{0}/configmaps/aq-extras",
    "/api/v1/namespaces/{0}/secrets/aq-keys",
    "/api/v1/namespaces/{0}/services/aq",
    "/apis/apps/v1/namespaces/{0}/deployments/aq",
    "/apis/policy/v1/namespaces/{0}/poddisruptionbudgets/aq",
    "/apis/networking.k8s.io/v1/namespaces/{0}/networkpolicies/aq",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/{0}/roles/aq",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/{0}/rolebindings/aq",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/{0}-aq",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{0}-aq",
    "/apis/aquarium.example.com/v1/namespaces/{0}/tanks/aq",
)


class Place:
    """A namespace of one test, and Helm for it."""

    def __init__(self, server: ApiServerInThread, namespace: str) -> None:
        self.server = server
        self.namespace = namespace
        self.helm = helm.Config(kubeconfig_path=server.kubeconfig, namespace=namespace)

    def install(self, chart: Path = CHART, release: str = "aq", options: JSON | None = None, **values: Any) -> JSON:
        return self.helm.install(chart, release, values, timeout=SECONDS, **(options or {}))

    def upgrade(self, chart: Path = CHART, options: JSON | None = None, **values: Any) -> JSON:
        return self.helm.upgrade(chart, "aq", values, timeout=SECONDS, **(options or {}))

    def core(self, path: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/{path}"

    @property
    def tank(self) -> str:
        return f"/apis/aquarium.example.com/v1/namespaces/{self.namespace}/tanks/aq"

    def read(self, path: str) -> JSON:
        return read(self.server, path)

    def there(self) -> set[str]:
        """Which of the chart's objects exist."""
        return {path for path in OF_NAMESPACE if self.server.request("GET", path.format(self.namespace))[0] == 200}

    def history(self) -> list[tuple[int, str]]:
        return [(item["revision"], item["status"]) for item in self.helm.history("aq")]

    def stored(self) -> list[JSON]:
        """The Secrets that Helm keeps the release in."""
        return list(self.read(self.core("secrets?labelSelector=owner%3Dhelm,name%3Daq"))["items"])

    @contextlib.contextmanager
    def deployments(self) -> Iterator[None]:
        """Deployments get ready as long as the block lasts: what their controller does on a cluster."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/aq"
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(0.05):
                status, found = self.server.request("GET", path)
                if (
                    status == 200
                    and found.get("status", {}).get("observedGeneration") != found["metadata"]["generation"]
                ):
                    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
                    told = {
                        "observedGeneration": found["metadata"]["generation"],
                        **dict.fromkeys(counts, found["spec"]["replicas"]),
                        "conditions": [
                            {"type": "Available", "status": "True"},
                            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
                        ],
                    }
                    self.server.request("PATCH", path + "/status", {"status": told}, MERGE)

        thread = aside(run)
        try:
            yield
        finally:
            stop.set()
            thread.join(SECONDS)

    def patch(self, path: str, patch: JSON) -> None:
        status, answer = self.server.request("PATCH", path, patch, MERGE)
        assert status == 200, answer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    found = ApiServerInThread(tmp_path_factory.mktemp("helm") / "home")
    found.start()
    yield found
    found.stop()


@pytest.fixture
def place(server: ApiServerInThread, request: pytest.FixtureRequest) -> Iterator[Place]:
    name = request.node.name.removeprefix("test_").replace("_", "-").translate({91: "-", 93: ""})[:50].rstrip("-")
    created(server, "/api/v1/namespaces", {"metadata": {"name": name}})
    found = Place(server, name)
    with found.helm:
        yield found


def aside(work: Callable[[], None]) -> threading.Thread:
    """Do what a controller does while Helm waits."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def chart_with(folder: Path, template: str) -> Path:
    """A copy of the chart with one more template."""
    shutil.copytree(CHART, folder)
    (folder / "templates" / "more.yaml").write_text(template)
    return folder


def test_from_installation_to_its_end(place: Place) -> None:
    place.server.request("DELETE", TANKS)  # of another test's installation
    gone(place.server, TANKS)
    release = place.install()
    assert (release["status"], release["revision"]) == ("deployed", 1)
    assert release["notes"] == "The aquarium aq says hello.\n"
    assert place.there() == set(OF_NAMESPACE)
    assert place.read(TANKS)["spec"]["names"]["shortNames"] == ["tk"]
    settings = place.read(place.core("configmaps/aq-settings"))
    assert settings["metadata"]["annotations"] == {
        "meta.helm.sh/release-name": "aq",
        "meta.helm.sh/release-namespace": place.namespace,
    }
    assert settings["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    assert {entry["operation"] for entry in settings["metadata"]["managedFields"]} == {"Apply"}
    (secret,) = place.stored()
    assert (secret["type"], secret["metadata"]["name"]) == ("helm.sh/release.v1", "sh.helm.release.v1.aq.v1")
    assert secret["metadata"]["labels"].items() >= {"owner": "helm", "status": "deployed", "version": "1"}.items()
    password = place.read(place.core("secrets/aq-keys"))["data"]["password"]

    place.upgrade(greeting="bye", extras=False, fish={"count": 7}, water={"salt": None})
    assert place.there() == {path for path in OF_NAMESPACE if "extras" not in path}
    assert place.read(place.core("configmaps/aq-settings"))["data"] == {"greeting": "bye", "revision": "2"}
    assert place.read(place.core("secrets/aq-keys"))["data"]["password"] == password, "the chart looks it up"
    assert place.read(place.tank)["spec"] == {"salt": 30, "fish": {"kind": "clown", "count": 7}}, "salt: the default"
    assert place.history() == [(1, "superseded"), (2, "deployed")]
    assert place.helm.get_values("aq") == {
        "greeting": "bye", "extras": False, "fish": {"count": 7}, "water": {"salt": None},
    }  # fmt: skip
    assert place.helm.get_values("aq", revision=1, all_values=True)["greeting"] == "hello"

    place.helm.rollback("aq", timeout=SECONDS)
    assert place.there() == set(OF_NAMESPACE)
    assert place.read(place.core("configmaps/aq-settings"))["data"]["greeting"] == "hello"
    assert place.read(place.tank)["spec"] == {"salt": 35, "fish": {"kind": "clown", "count": 2}}
    assert place.history() == [(1, "superseded"), (2, "superseded"), (3, "deployed")]
    assert place.helm.status("aq")["revision"] == 3
    assert "kind: Tank" in place.helm.status("aq")["manifest"]
    assert [item["name"] for item in place.helm.list()] == ["aq"]

    place.helm.uninstall("aq", timeout=SECONDS)
    eventually(lambda: place.there() == set(), SECONDS)
    assert place.stored() == []
    assert place.read(TANKS), "Helm never deletes a CRD"
    with pytest.raises(helm.HelmNotFoundError):
        place.helm.status("aq")


def test_an_upgrade_that_is_refused_and_the_way_back(place: Place) -> None:
    place.install()
    with pytest.raises(helm.HelmError, match="goldfish live in fresh water"):
        place.upgrade(fish={"kind": "gold"})
    assert place.history() == [(1, "deployed"), (2, "failed")]
    assert place.read(place.tank)["spec"]["fish"]["kind"] == "clown"
    place.helm.rollback("aq", version=1, timeout=SECONDS)
    assert place.history()[-1] == (3, "deployed")
    with place.deployments(), pytest.raises(helm.HelmError, match="goldfish"):
        place.upgrade(greeting="again", fish={"kind": "gold"}, options={"rollback_on_failure": True})
    assert place.history()[-1] == (5, "deployed"), "Helm goes back by itself"
    assert place.read(place.core("configmaps/aq-settings"))["data"]["greeting"] == "hello"
    with pytest.raises(helm.HelmError, match=r"spec\.fish\.kind: Unsupported value"):
        place.upgrade(fish={"kind": "shark"})
    place.upgrade(fish={"kind": "gold"}, water={"salt": 0})
    assert place.read(place.tank)["spec"] == {"salt": 0, "fish": {"kind": "gold", "count": 2}}


def test_a_field_that_somebody_else_set(place: Place) -> None:
    """Server-side apply: Helm stops at a conflict and names the manager; it goes on when both agree."""
    place.install()
    place.patch(place.core("configmaps/aq-settings") + "?fieldManager=somebody", {"data": {"greeting": "mine"}})
    with pytest.raises(helm.HelmError, match=r'conflict with "somebody".*\.data\.greeting'):
        place.upgrade(greeting="yours")
    assert place.history()[-1] == (2, "failed")
    place.upgrade(greeting="mine")
    assert place.history()[-1] == (3, "deployed")


def test_dry_run_on_the_server_writes_nothing(server: ApiServerInThread, place: Place) -> None:
    server.request("POST", DEFINITIONS, yaml.safe_load((CHART / "crds" / "tanks.yaml").read_text()))  # or it is there
    before = len(server.requests)
    planned = place.install(options={"dry_run": "server"})
    assert "kind: Deployment" in planned["manifest"]
    assert [
        call.path for call in server.requests[before:] if call.method != "GET" and "dryRun=All" not in call.path
    ] == []
    assert place.there() == set()
    assert place.stored() == []


def test_hooks_run_before_the_rest(place: Place) -> None:
    job = f"/apis/batch/v1/namespaces/{place.namespace}/jobs/aq-fill"
    seen: list[set[str]] = []

    def finish() -> None:
        eventually(lambda: place.server.request("GET", job)[0] == 200, SECONDS)
        seen.append(place.there())
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        done = [
            {"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("SuccessCriteriaMet", "Complete")
        ]
        place.patch(
            job + "/status", {"status": {"startTime": now, "completionTime": now, "succeeded": 1, "conditions": done}}
        )

    finishing = aside(finish)
    place.install(hooks=True)
    finishing.join(SECONDS)
    assert seen == [set()], "the Job alone was there"
    assert place.there() == set(OF_NAMESPACE)

    def pass_test() -> None:
        path = place.core("pods/aq-test")
        eventually(lambda: place.server.request("GET", path)[0] == 200, SECONDS)
        place.patch(path + "/status", {"status": {"phase": "Succeeded"}})

    passing = aside(pass_test)
    place.helm.test("aq", timeout=SECONDS)
    passing.join(SECONDS)


def test_waiting_for_what_becomes_ready(place: Place) -> None:
    with pytest.raises(helm.HelmError, match="Deployment/waiting-for-what-becomes-ready/aq not ready"):
        place.helm.install(CHART, "aq", wait="watcher", timeout=1)
    assert place.history() == [(1, "failed")]
    with place.deployments():
        assert place.upgrade(options={"wait": "watcher"})["status"] == "deployed"
        place.helm.uninstall("aq", wait="watcher", timeout=SECONDS)
    assert place.there() == set()


def test_history_that_is_kept(place: Place) -> None:
    place.install(options={"labels": {"team": "fish"}, "description": "the first"})
    for number in range(3):
        place.upgrade(greeting=str(number), options={"max_history": 2})
    assert place.history() == [(3, "superseded"), (4, "deployed")]
    assert {secret["metadata"]["labels"].get("team") for secret in place.stored()} == {"fish"}
    place.helm.uninstall("aq", keep_history=True, timeout=SECONDS)
    assert place.history()[-1] == (4, "uninstalled")
    assert [item["status"] for item in place.helm.list()] == ["uninstalled"]
    eventually(lambda: place.there() == set(), SECONDS)
    place.helm.rollback("aq", version=3, timeout=SECONDS)
    assert place.history()[-1] == (5, "deployed")
    assert place.there() == set(OF_NAMESPACE)


def test_objects_that_were_there_before(place: Place) -> None:
    extras = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aq-extras"}, "data": {"old": "1"}}
    created(place.server, place.core("configmaps"), extras)
    with pytest.raises(helm.HelmError, match="invalid ownership metadata"):
        place.install()
    mark = {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "aq", "meta.helm.sh/release-namespace": place.namespace},
    }
    place.patch(place.core("configmaps/aq-extras"), {"metadata": mark})
    place.install()
    assert place.read(place.core("configmaps/aq-extras"))["data"] == {"old": "1", "plants": "3"}


def test_a_release_that_was_made_by_client_side_apply(place: Place) -> None:
    """As Helm 3 made them: the upgrade sends three-way merge patches, strategic ones for built-in kinds."""
    place.install()
    (secret,) = place.stored()
    told = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    assert told["apply_method"] == "ssa"
    told["apply_method"] = "csa"
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(told).encode()))).decode()
    place.patch(place.core(f"secrets/{secret['metadata']['name']}"), {"data": {"release": packed}})
    place.upgrade(greeting="bye", replicas=3, extras=False, fish={"count": 9})
    deployment = place.read(f"/apis/apps/v1/namespaces/{place.namespace}/deployments/aq")
    assert deployment["spec"]["replicas"] == 3
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert (container["env"], container["ports"][0]["name"]) == ([{"name": "GREETING", "value": "bye"}], "http")
    assert "Update" in {entry["operation"] for entry in deployment["metadata"]["managedFields"]}
    assert place.read(place.tank)["spec"]["fish"] == {"kind": "clown", "count": 9}
    assert place.there() == {path for path in OF_NAMESPACE if "extras" not in path}
    place.helm.rollback("aq", timeout=SECONDS)
    assert place.there() == set(OF_NAMESPACE)


def test_a_chart_of_what_is_not_served(place: Place, tmp_path: Path) -> None:
    template = "apiVersion: nosuch.example.com/v1\nkind: Nope\nmetadata: {name: a}\n"
    with pytest.raises(helm.HelmError, match='no matches for kind "Nope" in version "nosuch'):
        place.install(chart_with(tmp_path / "chart", template))
    assert place.there() == set()


def test_a_field_that_does_not_exist(place: Place, tmp_path: Path) -> None:
    template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndatas: {a: b}\n"
    with pytest.raises(helm.HelmError, match=r"\.datas: field not declared in schema|unknown field \"datas\""):
        place.install(chart_with(tmp_path / "chart", template))


def test_several_releases_in_several_namespaces(server: ApiServerInThread, place: Place) -> None:
    place.install(release="one")
    with helm.Config(kubeconfig_path=server.kubeconfig, namespace="other") as elsewhere:
        elsewhere.install(CHART, "two", create_namespace=True, namespace="other")
        everywhere = {(item["namespace"], item["name"]) for item in elsewhere.list(all_namespaces=True)}
        assert everywhere >= {(place.namespace, "one"), ("other", "two")}
        assert [item["name"] for item in elsewhere.list(name_filter="^t")] == ["two"]
    assert server.request("DELETE", "/api/v1/namespaces/other")[0] == 200
    gone(server, "/api/v1/namespaces/other")
    with pytest.raises(helm.HelmError, match="cannot reuse a name that is still in use"):
        place.install(release="one")


def test_releases_kept_in_config_maps(server: ApiServerInThread, place: Place) -> None:
    with helm.Config(kubeconfig_path=server.kubeconfig, namespace=place.namespace, storage_driver="configmap") as maps:
        maps.install(CHART, "aq")
        assert [item["name"] for item in maps.list()] == ["aq"]
        assert place.read(place.core("configmaps?labelSelector=owner%3Dhelm"))["items"][0]["metadata"]["name"].endswith(
            "v1"
        )
        maps.uninstall("aq")
