"""What kubectl reads: lists in all forms, watches, the descriptions of kinds, what is allowed."""

from __future__ import annotations

import itertools
import json
import urllib.request
from collections.abc import Iterator

import pytest
import yaml
from api_objects import MERGE, config_map, created, pod
from kubectl_runner import SECONDS, Kubectl, cluster_with_kubectl

NAMES = {"one": "red", "two": "blue", "three": "red"}


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """A namespace with three pods and three ConfigMaps."""
    with cluster_with_kubectl(tmp_path_factory.mktemp("cluster")) as everywhere:
        here = everywhere.in_namespace("reading")
        for name, color in NAMES.items():
            labels = {"color": color}
            made = pod(name) | {"metadata": {"name": name, "labels": labels}}
            created(here.server, "/api/v1/namespaces/reading/pods", made)
            created(here.server, "/api/v1/namespaces/reading/configmaps", config_map(name, {"n": name}, labels=labels))
        yield here


def words(table: str) -> list[list[str]]:
    """The cells of a table without its ages."""
    return [line.split() for line in table.splitlines()]


READ = {
    "get cm -o name": "configmap/one\nconfigmap/three\nconfigmap/two\n",
    "get cm one -o jsonpath={.data.n}": "one",
    "get cm -o jsonpath={.items[*].data.n}": "one three two",
    'get cm -o jsonpath={.items[?(@.data.n=="two")].metadata.labels.color}': "blue",
    "get cm one -o jsonpath-as-json={.data}": '[\n    {\n        "n": "one"\n    }\n]\n',
    "get cm -o custom-columns=NAME:.metadata.name,N:.data.n": "NAME    N\none     one\nthree   three\ntwo     two\n",
    "get cm -o custom-columns=N:.data.n,M:.data.missing --no-headers": (
        "one     <none>\nthree   <none>\ntwo     <none>\n"
    ),
    "get cm -o go-template={{range.items}}{{.data.n}};{{end}}": "one;three;two;",
    "get cm -l color=red -o name": "configmap/one\nconfigmap/three\n",
    "get cm -l color!=red -o name": "configmap/two\n",
    "get cm -l color -o name": "configmap/one\nconfigmap/three\nconfigmap/two\n",
    "get cm --field-selector metadata.name=two -o name": "configmap/two\n",
    "get pods --field-selector status.phase=Pending,metadata.name!=two -o name": "pod/one\npod/three\n",
    "get pods --field-selector status.phase=Running -o name": "",
    "get cm --chunk-size=1 -o name": "configmap/one\nconfigmap/three\nconfigmap/two\n",
    "get pods,cm -l color=blue -o name": "pod/two\nconfigmap/two\n",
    "get cm/one pod/two -o name": "configmap/one\npod/two\n",
    "get cm --sort-by={.data.n} -o custom-columns=N:.data.n --no-headers": "one\nthree\ntwo\n",
    "get all -o name": "pod/one\npod/three\npod/two\n",
    "get configmaps.v1. one -o name": "configmap/one\n",
    "get --raw /readyz": "ok",
    "get --raw /api/v1/namespaces/reading/configmaps/one?pretty=false -v=0": None,
    "api-resources --api-group=footplate.dev --namespaced -o name --sort-by=name": (
        "datasets.footplate.dev\nenvironments.footplate.dev\n"
        "registeredmodels.footplate.dev\ntrainingjobs.footplate.dev\n"
    ),
    "auth can-i create pods": "yes\n",
    "auth can-i delete trainingjobs.footplate.dev --subresource=status": "yes\n",
    "auth can-i get /healthz": "yes\n",
    "auth whoami -o jsonpath={.status.userInfo.username}": "footplate",
    "config view --minify -o jsonpath={.contexts[0].name}": "footplate",
    "cluster-info": None,
}


@pytest.mark.parametrize("command", READ)
def test_get(kubectl: Kubectl, command: str) -> None:
    printed = kubectl(*command.split(" "))
    expected = READ[command]
    if command.startswith("get --raw /api"):
        assert json.loads(printed)["data"] == {"n": "one"}
    elif expected is None:
        assert f"Kubernetes control plane is running at {kubectl.server.url}\n" in printed
    else:
        assert printed == expected


def test_get_as_a_table(kubectl: Kubectl) -> None:
    header, *rows = words(kubectl("get", "pods"))
    assert header == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [row[:-1] for row in rows] == [[name, "0/1", "Pending", "0"] for name in sorted(NAMES)]
    assert all(row[-1].endswith("s") for row in rows)
    wide = words(kubectl("get", "pods", "one", "-o", "wide"))
    assert wide[0][5:] == ["IP", "NODE", "NOMINATED", "NODE", "READINESS", "GATES"]
    assert wide[1][5:] == ["<none>", "<none>", "<none>", "<none>"]
    assert words(kubectl("get", "cm", "one", "--show-labels"))[1][-1] == "color=red"
    assert words(kubectl("get", "cm", "one", "-L", "color"))[0][-1] == "COLOR"
    everywhere = words(kubectl("get", "cm", "-A", "--no-headers"))
    assert {name for namespace, name, *_ in everywhere if namespace == "reading"} == set(NAMES)
    assert "pod/one" in kubectl("get", "pods,cm", "-l", "color=red")


def test_get_as_yaml_and_json(kubectl: Kubectl) -> None:
    shown = yaml.safe_load(kubectl("get", "cm", "one", "-o", "yaml"))
    assert (shown["kind"], shown["data"], "managedFields" in shown["metadata"]) == ("ConfigMap", {"n": "one"}, False)
    managed = json.loads(kubectl("get", "cm", "one", "-o", "json", "--show-managed-fields"))["metadata"][
        "managedFields"
    ]
    assert [(entry["manager"], entry["operation"]) for entry in managed] == [("tests", "Update")]
    listed = json.loads(kubectl("get", "cm", "-o", "json"))
    assert (listed["kind"], len(listed["items"])) == ("List", 3)


def test_get_what_is_not_there(kubectl: Kubectl) -> None:
    assert kubectl.fails("get", "cm", "nope") == 'Error from server (NotFound): configmaps "nope" not found\n'
    assert kubectl.fails("get", "nopes") == 'error: the server doesn\'t have a resource type "nopes"\n'
    assert kubectl("get", "cm", "nope", "--ignore-not-found") == ""
    assert kubectl.run("get", "secrets") == (0, "", "No resources found in reading namespace.\n")
    refused = kubectl.fails("get", "cm", "--field-selector", "data.n=one")
    assert '"data.n" is not a known field selector: only "metadata.name", "metadata.namespace"' in refused
    assert kubectl.fails("top", "pods") == "error: Metrics API not available\n"


def test_get_watches(kubectl: Kubectl) -> None:
    path = "/api/v1/namespaces/reading/secrets"
    created(kubectl.server, path, {"metadata": {"name": "watched"}})
    with kubectl.background("get", "secrets", "-w", "-o", "name") as watching:
        assert kubectl.line(watching) == "secret/watched"
        created(kubectl.server, path, {"metadata": {"name": "next"}})
        assert kubectl.line(watching) == "secret/next"
    for name in ("watched", "next"):
        assert kubectl.server.request("DELETE", f"{path}/{name}")[0] == 200


def test_get_watches_only(kubectl: Kubectl) -> None:
    """It says nothing before the first change, so nobody knows when it has begun to watch."""
    path = "/api/v1/namespaces/reading/secrets"
    created(kubectl.server, path, {"metadata": {"name": "watched"}})
    changes = itertools.count(1)

    def change() -> None:
        body = {"metadata": {"labels": {"change": str(next(changes))}}}
        status, _ = kubectl.server.request("PATCH", f"{path}/watched", body, MERGE)
        assert status == 200

    with kubectl.background("get", "secrets", "--watch-only", "-L", "change", "--no-headers") as watching:
        shown = kubectl.line(watching, change).split()
    assert (shown[0], int(shown[-1]) < next(changes)) == ("watched", True)
    assert kubectl.server.request("DELETE", f"{path}/watched")[0] == 200


EXPLAINED = {
    "pod.spec.containers": ["FIELD: containers <[]Container>", "  name\t<string> -required-", "List of environment"],
    "pod.spec.containers.resources.limits": ["FIELD: limits <map[string]Quantity>", "maximum amount of compute"],
    "service.spec.ports.targetPort": ["FIELD: targetPort <IntOrString>"],
    "configmap.data": ["FIELD: data <map[string]string>"],
    "lease.spec": ["GROUP:      coordination.k8s.io", "holderIdentity\t<string>", "renewTime\t<string>"],
    "crd.spec.names": ["plural\t<string> -required-"],
    "tj": ["GROUP:      footplate.dev", "metadata\t<ObjectMeta>", "  spec\t<Object> -required-"],
    "tj.spec.retry": ["FIELD: retry <Object>", "  infrastructure\t<integer>", "Restarts after lost nodes"],
    "tj.spec.entrypoint --recursive": ["  script\t<string>"],
    "pod --recursive": ["      limits\t<map[string]Quantity>"],
    "pod --output=plaintext-openapiv2": ["KIND:     Pod", "   spec\t<Object>"],
    "subjectaccessreview.spec": ["  user\t<string>"],
}


@pytest.mark.parametrize("what", EXPLAINED)
def test_explain(kubectl: Kubectl, what: str) -> None:
    text = kubectl("explain", *what.split(" "))
    for part in EXPLAINED[what]:
        assert part in text


def test_explain_of_what_is_not_there(kubectl: Kubectl) -> None:
    assert kubectl.fails("explain", "pod.spec.nope") == 'error: field "nope" does not exist\n'
    assert kubectl.fails("explain", "nope").endswith('the server doesn\'t have a resource type "nope"\n')


def test_api_resources_and_versions(kubectl: Kubectl) -> None:
    rows = {row[0]: row for row in words(kubectl("api-resources", "-o", "wide"))}
    assert rows["pods"][1:6] == [
        "po",
        "v1",
        "true",
        "Pod",
        "create,delete,deletecollection,get,list,patch,update,watch",
    ]
    assert rows["namespaces"][3] == "false"
    assert rows["selfsubjectaccessreviews"][1:] == [
        "authorization.k8s.io/v1",
        "false",
        "SelfSubjectAccessReview",
        "create",
    ]
    versions = kubectl("api-versions").split()
    assert {"v1", "apiextensions.k8s.io/v1", "authorization.k8s.io/v1", "footplate.dev/v1alpha1"} <= set(versions)
    assert kubectl("version", "-o", "yaml").count("minor:") == 2


def test_a_new_kind_is_explained_at_once(kubectl: Kubectl) -> None:
    definition = json.loads(kubectl("get", "crd", "datasets.footplate.dev", "-o", "json"))
    properties = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    properties["flavour"] = {"type": "string", "description": "How it tastes."}
    kubectl("replace", "-f", "-", given=json.dumps(definition))
    assert "How it tastes." in kubectl("explain", "dataset.spec.flavour")


def test_reviews_that_are_posted(kubectl: Kubectl) -> None:
    rules = words(kubectl("auth", "can-i", "--list"))
    assert rules[1:] == [["*.*", "[]", "[]", "[*]"], ["[*]", "[]", "[*]"]]
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {}}
    review["spec"] = {"user": "jane", "resourceAttributes": {"verb": "get", "resource": "pods"}}
    answer = kubectl("create", "-f", "-", "-o", "jsonpath={.status}", given=json.dumps(review))
    assert answer == '{"allowed":false}'
    review["spec"] = {}
    refused = kubectl.fails("create", "-f", "-", given=json.dumps(review))
    assert 'spec.user: Invalid value: "": at least one of user or group must be specified' in refused


def test_proxy(kubectl: Kubectl) -> None:
    with kubectl.background("proxy", "--port=0") as proxy:
        assert proxy.stdout is not None
        started = proxy.stdout.readline()
        assert started.startswith("Starting to serve on 127.0.0.1:")
        address = started.rpartition(" ")[2].strip()
        path = f"http://{address}/api/v1/namespaces/reading/configmaps/one"
        with urllib.request.urlopen(path, timeout=SECONDS) as answer:
            assert json.load(answer)["data"] == {"n": "one"}
