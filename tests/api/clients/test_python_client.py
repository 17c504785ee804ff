"""The official Python client: models, watches, paging and errors."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from api_objects import definition
from api_server import ApiServerInThread
from kubernetes import client, config, stream, utils, watch
from kubernetes.client.exceptions import ApiException

SECONDS = 15
THING = definition(
    {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
)
GROUP, VERSION, PLURAL = "test.example.com", "v1", "things"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    found = ApiServerInThread(tmp_path_factory.mktemp("client") / "home", history=200)
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def api(server: ApiServerInThread) -> Iterator[client.ApiClient]:
    found = config.new_client_from_config(config_file=str(server.kubeconfig))
    client.ApiextensionsV1Api(found).create_custom_resource_definition(THING)
    yield found
    found.close()


@pytest.fixture
def core(api: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(api)


@pytest.fixture
def namespace(core: client.CoreV1Api, request: pytest.FixtureRequest) -> str:
    name = (
        request.node.name.removeprefix("test_").replace("_", "-").replace("[", "-").rstrip("]")[:60].strip("-").lower()
    )
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    return str(name)


def refused(call: Callable[[], Any]) -> tuple[int, str, dict[str, Any]]:
    """The status, its text, and the body of the error that a call ends with."""
    with pytest.raises(ApiException) as caught:
        call()
    return caught.value.status, caught.value.reason, json.loads(caught.value.body)


NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MICRO = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def pod() -> client.V1Pod:
    return client.V1Pod(
        metadata=client.V1ObjectMeta(name="full", labels={"a": "b"}, annotations={"n": ""}),
        spec=client.V1PodSpec(
            restart_policy="OnFailure",
            active_deadline_seconds=60,
            node_selector={"disk": "ssd"},
            tolerations=[
                client.V1Toleration(key="gpu", operator="Exists", effect="NoSchedule", toleration_seconds=None)
            ],
            init_containers=[
                client.V1Container(name="fetch", image="busybox:1", restart_policy="Always", args=["-c", "true"])
            ],
            containers=[
                client.V1Container(
                    name="main",
                    image="python:3.12",
                    command=["python", "-V"],
                    env=[
                        client.V1EnvVar(name="A", value="1"),
                        client.V1EnvVar(
                            name="POD",
                            value_from=client.V1EnvVarSource(
                                field_ref=client.V1ObjectFieldSelector(field_path="metadata.name")
                            ),
                        ),
                    ],
                    ports=[client.V1ContainerPort(container_port=80, name="http")],
                    resources=client.V1ResourceRequirements(
                        requests={"cpu": "500m", "memory": "1Gi"}, limits={"cpu": "1", "memory": "2Gi"}
                    ),
                    liveness_probe=client.V1Probe(http_get=client.V1HTTPGetAction(path="/", port="http")),
                    volume_mounts=[client.V1VolumeMount(name="scratch", mount_path="/scratch", read_only=True)],
                    security_context=client.V1SecurityContext(run_as_user=1000, run_as_non_root=True),
                )
            ],
            volumes=[
                client.V1Volume(name="scratch", empty_dir=client.V1EmptyDirVolumeSource(size_limit="1Gi")),
                client.V1Volume(
                    name="settings", config_map=client.V1ConfigMapVolumeSource(name="c", default_mode=0o400)
                ),
            ],
        ),
    )


def test_models_come_back_as_they_went(core: client.CoreV1Api, api: client.ApiClient, namespace: str) -> None:
    """What was set is there; what the server adds is added, nothing is lost, all of it can be decoded."""
    coordination = client.CoordinationV1Api(api)
    selector = client.V1ObjectReference(kind="Pod", name="full", namespace=namespace)
    calls: list[tuple[Callable[..., Any], Callable[..., Any], Any]] = [
        (core.create_namespaced_pod, core.read_namespaced_pod, pod()),
        (
            core.create_namespaced_config_map,
            core.read_namespaced_config_map,
            client.V1ConfigMap(
                metadata=client.V1ObjectMeta(name="full"), data={"a": "ü\n"}, binary_data={"b": "AP8="}, immutable=True
            ),
        ),
        (
            core.create_namespaced_secret,
            core.read_namespaced_secret,
            client.V1Secret(
                metadata=client.V1ObjectMeta(name="full"),
                type="kubernetes.io/basic-auth",
                data={"username": "YQ==", "password": "Yg=="},
            ),
        ),
        (
            core.create_namespaced_service,
            core.read_namespaced_service,
            client.V1Service(
                metadata=client.V1ObjectMeta(name="full"),
                spec=client.V1ServiceSpec(
                    cluster_ip="None",
                    selector={"a": "b"},
                    publish_not_ready_addresses=True,
                    ports=[client.V1ServicePort(name="http", port=80, target_port="http")],
                ),
            ),
        ),
        (
            core.create_namespaced_service_account,
            core.read_namespaced_service_account,
            client.V1ServiceAccount(metadata=client.V1ObjectMeta(name="full"), automount_service_account_token=False),
        ),
        (
            core.create_namespaced_event,
            core.read_namespaced_event,
            client.CoreV1Event(
                metadata=client.V1ObjectMeta(name="full"),
                involved_object=selector,
                reason="Made",
                message="it was made",
                type="Normal",
                count=2,
                first_timestamp=NOW,
                last_timestamp=NOW,
                source=client.V1EventSource(component="tests"),
            ),
        ),
        (
            coordination.create_namespaced_lease,
            coordination.read_namespaced_lease,
            client.V1Lease(
                metadata=client.V1ObjectMeta(name="full"),
                spec=client.V1LeaseSpec(
                    holder_identity="me",
                    lease_duration_seconds=15,
                    acquire_time=MICRO,
                    renew_time=MICRO,
                    lease_transitions=0,
                ),
            ),
        ),
    ]
    for create, get, model in calls:
        made = create(namespace, model)
        found = get("full", namespace)
        assert type(found) is type(model)
        assert found.metadata.uid == made.metadata.uid
        sent, kept = api.sanitize_for_serialization(model), api.sanitize_for_serialization(found)
        assert missing(sent, kept) == [], type(model)


def missing(sent: Any, kept: Any, path: str = "") -> list[str]:
    """Paths of what was sent and did not come back; lists may have grown at their ends (a pod's tolerations)."""
    if isinstance(sent, dict) and isinstance(kept, dict):
        return [text for key, value in sent.items() for text in missing(value, kept.get(key), f"{path}.{key}")]
    if isinstance(sent, list) and isinstance(kept, list) and len(sent) <= len(kept):
        return [text for at, value in enumerate(sent) for text in missing(value, kept[at], f"{path}[{at}]")]
    return [] if sent == kept else [f"{path}: {sent!r} became {kept!r}"]


def test_definitions_and_custom_objects(api: client.ApiClient, namespace: str) -> None:
    extensions = client.ApiextensionsV1Api(api)
    found = extensions.read_custom_resource_definition(f"{PLURAL}.{GROUP}")
    assert found.status.accepted_names.kind == "Thing"
    assert {item.type: item.status for item in found.status.conditions} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert found.spec.versions[0].schema.open_apiv3_schema.properties["spec"].properties["size"].type == "integer"
    things = client.CustomObjectsApi(api)
    where = (GROUP, VERSION, namespace, PLURAL)
    body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"size": 1}}
    made = things.create_namespaced_custom_object(*where, body)
    assert things.get_namespaced_custom_object(*where, "a") == made
    made["spec"]["size"] = 2
    replaced = things.replace_namespaced_custom_object(*where, "a", made)
    assert (replaced["spec"], replaced["metadata"]["generation"]) == ({"size": 2}, 2)
    assert refused(lambda: things.replace_namespaced_custom_object(*where, "a", made))[:2] == (409, "Conflict")
    change = [{"op": "replace", "path": "/spec/size", "value": 3}]
    patched = things.patch_namespaced_custom_object(*where, "a", change, _content_type="application/json-patch+json")
    assert patched["spec"] == {"size": 3}
    patched = things.patch_namespaced_custom_object(*where, "a", {"spec": {"size": 4}})
    assert patched["spec"] == {"size": 4}
    assert [item["metadata"]["name"] for item in things.list_namespaced_custom_object(*where)["items"]] == ["a"]
    assert len(things.list_cluster_custom_object(GROUP, VERSION, PLURAL, label_selector="no=such")["items"]) == 0
    code, reason, error = refused(lambda: things.patch_namespaced_custom_object(*where, "a", {"spec": {"size": "big"}}))
    assert (code, reason, error["reason"]) == (422, "Unprocessable Entity", "Invalid")
    assert error["details"]["causes"][0]["field"] == "spec.size"
    things.delete_collection_namespaced_custom_object(*where)
    assert refused(lambda: things.get_namespaced_custom_object(*where, "a"))[0] == 404


def test_patches_choose_their_content_type(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_pod(namespace, pod())

    def patched(body: Any, **options: Any) -> client.V1Pod:
        return core.patch_namespaced_pod("full", namespace, body, **options)

    found = patched({"spec": {"containers": [{"name": "main", "image": "python:3.13"}]}})  # strategic merge
    assert (found.spec.containers[0].image, found.spec.containers[0].command) == ("python:3.13", ["python", "-V"])
    found = patched([{"op": "add", "path": "/metadata/labels/c", "value": "d"}])  # JSON patch
    assert found.metadata.labels == {"a": "b", "c": "d"}
    found = patched({"metadata": {"labels": {"c": None}}}, _content_type="application/merge-patch+json")
    assert found.metadata.labels == {"a": "b"}
    applied = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "full", "labels": {"e": "f"}}}
    found = patched(applied, _content_type="application/apply-patch+yaml", field_manager="me", force=True)
    assert found.metadata.labels == {"a": "b", "e": "f"}
    entry = next(item for item in found.metadata.managed_fields if item.manager == "me")
    assert (entry.operation, entry.fields_v1) == ("Apply", {"f:metadata": {"f:labels": {"f:e": {}}}})
    status = client.V1Pod(status=client.V1PodStatus(phase="Running", start_time=NOW))
    assert core.patch_namespaced_pod_status("full", namespace, status).status.start_time == NOW


def test_errors_are_told_as_api_exceptions(core: client.CoreV1Api, namespace: str) -> None:
    body = {"metadata": {"name": "a"}}
    core.create_namespaced_config_map(namespace, body)
    assert refused(lambda: core.read_namespaced_config_map("b", namespace)) == (
        404,
        "Not Found",
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": 'configmaps "b" not found',
            "reason": "NotFound",
            "details": {"name": "b", "kind": "configmaps"},
            "code": 404,
        },
    )
    code, reason, error = refused(lambda: core.create_namespaced_config_map(namespace, body))
    assert (code, reason, error["reason"]) == (409, "Conflict", "AlreadyExists")
    code, reason, error = refused(lambda: core.create_namespaced_config_map(namespace, {"metadata": {"name": "A_"}}))
    assert (code, reason, error["reason"]) == (422, "Unprocessable Entity", "Invalid")
    assert error["details"]["causes"][0]["field"] == "metadata.name"
    pods = lambda: core.list_namespaced_pod(namespace, field_selector="spec.no=1")  # noqa: E731
    assert refused(pods)[:2] == (400, "Bad Request")
    uid = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="other"))
    assert refused(lambda: core.delete_namespaced_config_map("a", namespace, body=uid))[:2] == (409, "Conflict")
    assert core.delete_namespaced_config_map("a", namespace)["status"] == "Success"


def test_no_token_no_answer(server: ApiServerInThread) -> None:
    settings = client.Configuration(host=server.url)
    settings.ssl_ca_cert = str(server.certificate)
    with client.ApiClient(settings) as stranger:
        code, reason, error = refused(client.CoreV1Api(stranger).list_namespace)
    assert (code, reason, error["reason"]) == (401, "Unauthorized", "Unauthorized")


def test_pages(core: client.CoreV1Api, namespace: str) -> None:
    for number in range(7):
        core.create_namespaced_secret(
            namespace, {"metadata": {"name": f"s-{number}"}, "stringData": {"k": str(number)}}
        )
    names, token, left = [], None, []
    while True:
        page = core.list_namespaced_secret(namespace, limit=3, _continue=token)
        names += [item.metadata.name for item in page.items]
        left.append(page.metadata.remaining_item_count)
        token = page.metadata._continue
        if not token:
            break
        if len(left) == 1:
            core.delete_namespaced_secret("s-6", namespace)
    assert names == [f"s-{number}" for number in range(7)], "all pages are of the version of the first"
    assert left == [4, 1, None]


def test_watch_resumes_and_ends(core: client.CoreV1Api, namespace: str) -> None:
    def make(name: str) -> client.V1ConfigMap:
        return core.create_namespaced_config_map(namespace, {"metadata": {"name": name}})

    make("before")
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    make("a")
    core.patch_namespaced_config_map("a", namespace, {"data": {"k": "v"}})
    core.delete_namespaced_config_map("a", namespace)
    watching = watch.Watch()
    seen = []
    for event in watching.stream(
        core.list_namespaced_config_map, namespace, resource_version=version, _request_timeout=SECONDS
    ):
        seen.append((event["type"], event["object"].metadata.name, event["object"].data))
        if len(seen) == 3:
            make("b")
        if len(seen) == 4:
            watching.stop()
    assert seen == [
        ("ADDED", "a", None),
        ("MODIFIED", "a", {"k": "v"}),
        ("DELETED", "a", {"k": "v"}),
        ("ADDED", "b", None),
    ]
    last = watching.resource_version
    assert int(last) > int(version)
    ended = list(
        watch.Watch().stream(
            core.list_namespaced_config_map,
            namespace,
            resource_version=last,
            timeout_seconds=1,
            allow_watch_bookmarks=True,
        )
    )
    assert [event["type"] for event in ended] in ([], ["BOOKMARK"])
    with pytest.raises(ApiException) as caught:
        list(
            watch.Watch().stream(
                core.list_namespaced_config_map, namespace, resource_version=version, field_selector="x=y"
            )
        )
    assert caught.value.status == 400


def test_watch_goes_on_when_the_server_drops_it(
    server: ApiServerInThread, core: client.CoreV1Api, namespace: str
) -> None:
    watching = watch.Watch()
    seen = []
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "one"}})
    for event in watching.stream(
        core.list_namespaced_config_map, namespace, label_selector="no!=such", _request_timeout=SECONDS
    ):
        seen.append(event["object"].metadata.name)
        if event["object"].metadata.name == "one":
            server.drop_watches()
            core.create_namespaced_config_map(namespace, {"metadata": {"name": "two"}})
        if event["object"].metadata.name == "two":
            watching.stop()
    assert seen == ["kube-root-ca.crt", "one", "two"] or seen == ["one", "two"]


def test_a_version_that_is_gone(server: ApiServerInThread, core: client.CoreV1Api, namespace: str) -> None:
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "busy"}})
    for number in range(230):
        core.patch_namespaced_config_map("busy", namespace, {"data": {"n": str(number)}})
    with pytest.raises(ApiException) as caught:
        list(
            watch.Watch().stream(
                core.list_namespaced_config_map, namespace, resource_version=version, _request_timeout=SECONDS
            )
        )
    assert caught.value.status == 410
    assert caught.value.reason.startswith("Expired: too old resource version: ")


def test_create_from_yaml(api: client.ApiClient, core: client.CoreV1Api, namespace: str) -> None:
    documents: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"k": "v"}},
        {
            "apiVersion": "v1",
            "kind": "List",
            "items": [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "two"}}],
        },
        {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "three"}, "spec": {}},
    ]
    utils.create_from_yaml(api, yaml_objects=documents, namespace=namespace)
    assert core.read_namespaced_config_map("one", namespace).data == {"k": "v"}
    assert core.read_namespaced_service_account("two", namespace).metadata.name == "two"
    with pytest.raises(utils.FailToCreateError) as caught:
        utils.create_from_yaml(api, yaml_objects=documents[:1], namespace=namespace)
    assert caught.value.api_exceptions[0].status == 409
    documents[0]["data"] = {"k": "w"}
    utils.create_from_yaml(api, yaml_objects=documents, namespace=namespace, apply=True, force_conflicts=True)
    assert core.read_namespaced_config_map("one", namespace).data == {"k": "w"}


def test_the_server_describes_itself(api: client.ApiClient) -> None:
    assert client.VersionApi(api).get_code().git_version.startswith("v1.34.")
    groups = {group.name for group in client.ApisApi(api).get_api_versions().groups}
    assert {"apiextensions.k8s.io", "coordination.k8s.io", GROUP} <= groups
    assert "pods/log" in {item.name for item in client.CoreV1Api(api).get_api_resources().resources}
    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(
            resource_attributes=client.V1ResourceAttributes(verb="create", resource="pods", namespace="default")
        )
    )
    assert client.AuthorizationV1Api(api).create_self_subject_access_review(review).status.allowed is True


def test_exec_is_not_served(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_pod(namespace, pod())
    with pytest.raises(ApiException) as caught:
        stream.stream(core.connect_get_namespaced_pod_exec, "full", namespace, command=["ls"], stdout=True)
    assert "NotImplemented" in str(caught.value)


def test_many_threads_write_one_object(core: client.CoreV1Api, namespace: str) -> None:
    """Optimistic locking: each of the increments is kept once."""
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "counter"}, "data": {"n": "0"}})

    def add() -> None:
        for _ in range(5):
            while True:
                found = core.read_namespaced_config_map("counter", namespace)
                found.data["n"] = str(int(found.data["n"]) + 1)
                try:
                    core.replace_namespaced_config_map("counter", namespace, found)
                    break
                except ApiException as error:
                    if error.status != 409:
                        raise

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert core.read_namespaced_config_map("counter", namespace).data == {"n": "20"}
