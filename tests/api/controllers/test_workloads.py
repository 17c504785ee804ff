"""Deployments: their ReplicaSets and pods, rollouts, and what kubectl says of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_objects import JSON, MERGE, PODS, created, eventually, gone, read
from api_server import ApiServerInThread
from kubectl_runner import Kubectl

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SETS = "/apis/apps/v1/namespaces/default/replicasets"
WEB = f"{DEPLOYMENTS}/web"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServerInThread]:
    server = ApiServerInThread(tmp_path / "home", workloads=True)
    server.start()
    yield server
    server.stop()


def deployment(replicas: int = 2, strategy: JSON | None = None, **container: str) -> JSON:
    labels = {"app": "web"}
    spec: JSON = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels, "annotations": {"a": "b"}},
            "spec": {"containers": [{"name": "web", "image": "web:1", **container}]},
        },
        **({"strategy": strategy} if strategy else {}),
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def pods(server: ApiServerInThread, image: str | None = None) -> list[JSON]:
    """Those that are not being deleted."""
    found = read(server, PODS)["items"]
    living = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return [pod for pod in living if image in (None, pod["spec"]["containers"][0]["image"])]


def make_ready(server: ApiServerInThread, *made: JSON) -> None:
    """What the node does."""
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    for pod in made:
        code, answer = server.request("PATCH", f"{PODS}/{pod['metadata']['name']}/status", {"status": status}, MERGE)
        assert code == 200, answer


def patch(server: ApiServerInThread, spec: JSON) -> None:
    code, answer = server.request("PATCH", WEB, {"spec": spec}, MERGE)
    assert code == 200, answer


def other_image(image: str) -> JSON:
    return {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}


def forget(server: ApiServerInThread, pod: JSON) -> None:
    server.request("DELETE", f"{PODS}/{pod['metadata']['name']}?gracePeriodSeconds=0")


def rollout(server: ApiServerInThread, *arguments: str) -> str:
    _, said, errors = Kubectl(server, server.home).run("rollout", *arguments)
    return said + errors


def test_it_has_so_many_pods_of_its_template(server: ApiServerInThread) -> None:
    made = created(server, DEPLOYMENTS, deployment(2))
    eventually(lambda: len(pods(server)) == 2)
    (replica_set,) = read(server, SETS)["items"]
    assert replica_set["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    for pod in pods(server):
        assert pod["metadata"]["ownerReferences"][0]["uid"] == replica_set["metadata"]["uid"]
        assert pod["metadata"]["annotations"] == {"a": "b"}
        assert pod["metadata"]["labels"].keys() == {"app", "pod-template-hash"}


def test_it_is_available_when_its_pods_are_ready(server: ApiServerInThread) -> None:
    created(server, DEPLOYMENTS, deployment(2))
    eventually(lambda: len(pods(server)) == 2)
    assert "0 of 2 updated replicas are available" in rollout(server, "status", "deployment/web", "--watch=false")
    make_ready(server, *pods(server))
    eventually(lambda: read(server, WEB)["status"].get("availableReplicas") == 2)
    assert "successfully rolled out" in rollout(server, "status", "deployment/web", "--timeout=30s")
    conditions = {item["type"]: item["status"] for item in read(server, WEB)["status"]["conditions"]}
    assert conditions == {"Available": "True", "Progressing": "True"}


@pytest.mark.parametrize("how", ["deleted", "failed"])
def test_a_pod_that_is_lost_is_replaced(server: ApiServerInThread, how: str) -> None:
    created(server, DEPLOYMENTS, deployment(1))
    eventually(lambda: len(pods(server)) == 1)
    (pod,) = pods(server)
    if how == "deleted":
        forget(server, pod)
    else:
        server.request("PATCH", f"{PODS}/{pod['metadata']['name']}/status", {"status": {"phase": "Failed"}}, MERGE)
    eventually(lambda: any(other["metadata"]["uid"] != pod["metadata"]["uid"] for other in pods(server)))


def test_it_is_scaled(server: ApiServerInThread) -> None:
    created(server, DEPLOYMENTS, deployment(1))
    eventually(lambda: len(pods(server)) == 1)
    (first,) = pods(server)
    make_ready(server, first)
    patch(server, {"replicas": 3})
    eventually(lambda: len(pods(server)) == 3)
    patch(server, {"replicas": 1})
    eventually(lambda: len(pods(server)) == 1)
    assert pods(server)[0]["metadata"]["name"] == first["metadata"]["name"], "the one that is ready is kept"


def test_a_rolling_update_keeps_the_old_pod_until_the_new_one_is_ready(server: ApiServerInThread) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    created(server, DEPLOYMENTS, deployment(1, strategy))
    eventually(lambda: len(pods(server)) == 1)
    make_ready(server, *pods(server))
    patch(server, other_image("web:2"))
    eventually(lambda: len(pods(server, "web:2")) == 1)
    assert len(pods(server, "web:1")) == 1
    make_ready(server, *pods(server, "web:2"))
    eventually(lambda: not pods(server, "web:1"))
    assert "successfully rolled out" in rollout(server, "status", "deployment/web", "--timeout=30s")


def test_recreate_waits_until_the_old_pod_is_gone(server: ApiServerInThread) -> None:
    created(server, DEPLOYMENTS, deployment(1, {"type": "Recreate"}))
    eventually(lambda: len(pods(server)) == 1)
    make_ready(server, *pods(server))
    (old,) = pods(server)
    held = {"metadata": {"finalizers": ["test.example.com/held"]}}
    server.request("PATCH", f"{PODS}/{old['metadata']['name']}", held, MERGE)
    patch(server, other_image("web:2"))
    eventually(lambda: not pods(server, "web:1"))
    eventually(lambda: len(read(server, SETS)["items"]) == 2)
    assert not pods(server, "web:2")
    server.request("PATCH", f"{PODS}/{old['metadata']['name']}", {"metadata": {"finalizers": None}}, MERGE)
    forget(server, old)
    eventually(lambda: len(pods(server, "web:2")) == 1)


def test_back_to_the_revision_before(server: ApiServerInThread) -> None:
    created(server, DEPLOYMENTS, deployment(1))
    eventually(lambda: len(pods(server)) == 1)
    patch(server, other_image("web:2"))
    eventually(lambda: len(pods(server, "web:2")) == 1)
    assert "rolled back" in rollout(server, "undo", "deployment/web")
    eventually(lambda: len(pods(server, "web:1")) == 1)
    eventually(lambda: read(server, WEB)["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3")


def test_its_history_has_an_end(server: ApiServerInThread) -> None:
    created(server, DEPLOYMENTS, deployment(0))
    patch(server, {"revisionHistoryLimit": 1})
    for number in range(2, 5):
        patch(server, other_image(f"web:{number}"))
        image = f"web:{number}"
        eventually(
            lambda image=image: any(
                item["spec"]["template"]["spec"]["containers"][0]["image"] == image
                for item in read(server, SETS)["items"]
            )
        )
    eventually(lambda: len(read(server, SETS)["items"]) == 2)


def test_all_goes_with_it(server: ApiServerInThread) -> None:
    created(server, DEPLOYMENTS, deployment(1))
    eventually(lambda: len(pods(server)) == 1)
    server.request("DELETE", WEB)
    gone(server, WEB)
    eventually(lambda: not read(server, SETS)["items"] and not pods(server))


def test_a_pod_that_was_refused_is_made_later(server: ApiServerInThread) -> None:
    body = deployment(1)
    body["spec"]["template"]["spec"]["serviceAccountName"] = "late"
    created(server, DEPLOYMENTS, body)
    eventually(lambda: len(read(server, SETS)["items"]) == 1)
    assert not pods(server)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "late"}}
    created(server, "/api/v1/namespaces/default/serviceaccounts", account)
    eventually(lambda: len(pods(server)) == 1)


def test_without_something_that_runs_pods_there_are_none(api_server: ApiServerInThread) -> None:
    created(api_server, DEPLOYMENTS, deployment(1))
    assert not read(api_server, SETS)["items"]
