"""What kubectl writes: create, apply, patch, edit and their like, on built-in kinds and on a custom one."""

from __future__ import annotations

import base64
import itertools
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubectl_runner import Kubectl, cluster_with_kubectl

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.shop.example.com}
spec:
  group: shop.example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              replicas: {type: integer, minimum: 0}
              size: {type: string, enum: [small, large]}
              tags: {type: array, items: {type: string}}
          status: {type: object, properties: {replicas: {type: integer}, phase: {type: string}}}
    additionalPrinterColumns:
    - {name: Size, type: string, jsonPath: .spec.size}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas, priority: 1}
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
"""
WIDGET = """
apiVersion: shop.example.com/v1
kind: Widget
metadata: {name: w}
spec: {replicas: 1, size: %s, tags: [a]}
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - {name: a, image: "i:%s", env: [{name: X, value: "1"}]}
  - {name: b, image: "i:1"}
"""
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: '%s'}\n"
WIDGETS = "widget.shop.example.com/w"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    with cluster_with_kubectl(tmp_path_factory.mktemp("cluster")) as kubectl:
        kubectl("apply", "-f", "-", given=CRD)
        established = "customresourcedefinition.apiextensions.k8s.io/widgets.shop.example.com condition met\n"
        assert kubectl("wait", "--for=condition=Established", "crd/widgets.shop.example.com") == established
        yield kubectl


@pytest.fixture
def kubectl(everywhere: Kubectl) -> Kubectl:
    """kubectl in a namespace of the test's own."""
    return everywhere.in_namespace(f"test-{next(_numbers)}")


def read(kubectl: Kubectl, what: str) -> dict[str, Any]:
    return dict(json.loads(kubectl("get", what, "-o", "json")))


def editor(path: Path, script: str) -> str:
    """A program that edits the file it is given, as KUBE_EDITOR."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


# -------------------------------------------------------------------- create

CREATED = {
    "configmap c --from-literal=a=b --from-literal=c=d": ("configmap/c", {"data": {"a": "b", "c": "d"}}),
    "configmap f --from-file=named=part.env --from-file=part.env": (
        "configmap/f",
        {"data": {"named": "A=1\nB=2\n", "part.env": "A=1\nB=2\n"}},
    ),
    "configmap e --from-env-file=part.env": ("configmap/e", {"data": {"A": "1", "B": "2"}}),
    "secret generic g --from-literal=k=v --type=example.com/kind": (
        "secret/g",
        {"type": "example.com/kind", "data": {"k": "dg=="}},
    ),
    "serviceaccount robot": ("serviceaccount/robot", {}),
    "service clusterip s --tcp=80:8080": (
        "service/s",
        {
            "spec": {
                "type": "ClusterIP",
                "selector": {"app": "s"},
                "ports": [{"name": "80-8080", "port": 80, "protocol": "TCP", "targetPort": 8080}],
            }
        },
    ),
    "job j --image=i:1 -- echo hi": (
        "job.batch/j",
        {"spec": {"template": {"spec": {"containers": [{"image": "i:1", "command": ["echo", "hi"]}]}}}},
    ),
    "cronjob cj --image=i:1 --schedule=@daily": ("cronjob.batch/cj", {"spec": {"schedule": "@daily"}}),
    "deployment d --image=i:1 --replicas=2": (
        "deployment.apps/d",
        {"spec": {"replicas": 2, "selector": {"matchLabels": {"app": "d"}}}},
    ),
    "role r --verb=get,list --resource=pods,deployments.apps": (
        "role.rbac.authorization.k8s.io/r",
        {
            "rules": [
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
                {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
            ]
        },
    ),
    "rolebinding rb --role=r --serviceaccount=ns:robot": (
        "rolebinding.rbac.authorization.k8s.io/rb",
        {"subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "ns"}]},
    ),
    "clusterrole cr --verb=get --non-resource-url=/metrics": (
        "clusterrole.rbac.authorization.k8s.io/cr",
        {"rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]},
    ),
    "clusterrolebinding crb --clusterrole=cr --user=jane": (
        "clusterrolebinding.rbac.authorization.k8s.io/crb",
        {"subjects": [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}]},
    ),
    "quota q --hard=pods=1,requests.cpu=500m": (
        "resourcequota/q",
        {"spec": {"hard": {"pods": "1", "requests.cpu": "500m"}}},
    ),
    "priorityclass pc --value=7 --preemption-policy=Never": (
        "priorityclass.scheduling.k8s.io/pc",
        {"value": 7, "preemptionPolicy": "Never"},
    ),
    "poddisruptionbudget pdb --selector=a=b --min-available=50%": (
        "poddisruptionbudget.policy/pdb",
        {"spec": {"minAvailable": "50%", "selector": {"matchLabels": {"a": "b"}}}},
    ),
    "ingress i --rule=x.io/p*=svc:80": (
        "ingress.networking.k8s.io/i",
        {"spec": {"rules": [{"host": "x.io", "http": {"paths": [{"path": "/p", "pathType": "Prefix"}]}}]}},
    ),
    "service nodeport n --tcp=80": ("service/n", {"spec": {"type": "NodePort"}}),
    "service externalname x --external-name=example.com": (
        "service/x",
        {"spec": {"type": "ExternalName", "externalName": "example.com"}},
    ),
}


def within(expected: Any, found: Any) -> bool:
    """Whether all that is expected of an object is in it."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(key in found and within(value, found[key]) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(within, expected, found))
    return bool(expected == found)


@pytest.mark.parametrize("command", CREATED)
def test_create(kubectl: Kubectl, command: str) -> None:
    (kubectl.home / "part.env").write_text("A=1\nB=2\n")
    made, content = CREATED[command]
    assert kubectl("create", *shlex.split(command)) == f"{made} created\n"
    found = read(kubectl, made)
    assert within(content, found), found
    assert " already exists\n" in kubectl.fails("create", *shlex.split(command))


def test_create_a_namespace_and_a_docker_secret(kubectl: Kubectl) -> None:
    assert (
        kubectl("create", "namespace", f"{kubectl.namespace}-more") == f"namespace/{kubectl.namespace}-more created\n"
    )
    login = ("--docker-server=x.io", "--docker-username=u", "--docker-password=p")
    assert kubectl("create", "secret", "docker-registry", "reg", *login) == "secret/reg created\n"
    made = read(kubectl, "secret/reg")
    assert made["type"] == "kubernetes.io/dockerconfigjson"
    decoded = json.loads(base64.b64decode(made["data"][".dockerconfigjson"]))
    assert decoded["auths"]["x.io"]["username"] == "u"


def test_run_sends_a_pod_with_its_command(kubectl: Kubectl) -> None:
    assert kubectl("run", "r", "--image=i:1", "--env=A=1", "--labels=l=1", "--", "sleep", "1") == "pod/r created\n"
    made = read(kubectl, "pod/r")
    container = made["spec"]["containers"][0]
    assert made["metadata"]["labels"] == {"l": "1"}
    assert (container["args"], container["env"]) == (["sleep", "1"], [{"name": "A", "value": "1"}])
    assert kubectl("expose", "pod", "r", "--port=80") == "service/r exposed\n"
    assert read(kubectl, "service/r")["spec"]["selector"] == {"l": "1"}


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (["--dry-run=client"], "configmap/d created (dry run)\n"),
        (["--dry-run=server"], "configmap/d created (server dry run)\n"),
        (["--dry-run=client", "-o", "name"], "configmap/d\n"),
        (["--dry-run=server", "-o", "jsonpath={.data.a}"], "b"),
    ],
)
def test_a_dry_run_leaves_nothing(kubectl: Kubectl, options: list[str], printed: str) -> None:
    assert kubectl("create", "configmap", "d", "--from-literal=a=b", *options) == printed
    assert kubectl("get", "configmap", "d", "--ignore-not-found") == ""


# --------------------------------------------------------------------- apply


@pytest.mark.parametrize(
    ("manifest", "what", "first", "second"),
    [(WIDGET, WIDGETS, "small", "large"), (POD, "pod/p", "1", "2"), (MAP, "configmap/m", "1", "2")],
    ids=["custom", "pod", "configmap"],
)
def test_apply_and_diff(kubectl: Kubectl, manifest: str, what: str, first: str, second: str) -> None:
    for change, done in ((first, "created"), (first, "unchanged")):
        assert kubectl("apply", "-f", "-", given=manifest % change) == f"{what} {done}\n"
    assert kubectl.run("diff", "-f", "-", given=manifest % first) == (0, "", "")
    code, difference, _ = kubectl.run("diff", "-f", "-", given=manifest % second)
    assert code == 1
    removed, added = ([line for line in difference.splitlines() if line[0] == sign] for sign in "-+")
    assert any(first in line for line in removed[1:])
    assert any(second in line for line in added[1:])
    dry = kubectl("apply", "--dry-run=server", "-f", "-", given=manifest % second)
    assert dry == f"{what} configured (server dry run)\n"
    assert kubectl("apply", "-f", "-", given=manifest % second) == f"{what} configured\n"
    assert kubectl.run("diff", "-f", "-", given=manifest % second)[0] == 0
    last = yaml.safe_load(kubectl("apply", "view-last-applied", what))
    sent = yaml.safe_load(manifest % second)
    assert last == sent | {"metadata": {**sent["metadata"], "annotations": {}, "namespace": kubectl.namespace}}


def test_apply_removes_what_the_manifest_no_longer_has(kubectl: Kubectl) -> None:
    manifest = yaml.safe_load(POD % 1)
    manifest["metadata"]["labels"] = {"kept": "1", "mine": "1"}
    kubectl("apply", "-f", "-", given=json.dumps(manifest))
    kubectl("label", "pod", "p", "other=1")
    del manifest["metadata"]["labels"]["mine"]
    kubectl("apply", "-f", "-", given=json.dumps(manifest))
    assert read(kubectl, "pod/p")["metadata"]["labels"] == {"kept": "1", "other": "1"}


def test_apply_of_what_was_created_otherwise_warns(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", given=WIDGET % "small")
    code, printed, warned = kubectl.run("apply", "-f", "-", given=WIDGET % "small")
    assert (code, printed) == (0, f"{WIDGETS} configured\n")
    assert warned.startswith(
        "Warning: resource widgets/w is missing the kubectl.kubernetes.io/last-applied-configuration annotation"
    )


def test_apply_a_directory_and_a_kustomization(kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "1.yaml").write_text(WIDGET % "small")
    (tmp_path / "2.yaml").write_text(MAP % 1)
    assert kubectl("apply", "-f", str(tmp_path)) == f"{WIDGETS} created\nconfigmap/m created\n"
    (tmp_path / "kustomization.yaml").write_text(
        "namePrefix: pre-\nresources: [1.yaml]\n"
        "configMapGenerator: [{name: conf, literals: [a=b], options: {disableNameSuffixHash: true}}]\n"
    )
    made = "configmap/pre-conf created\nwidget.shop.example.com/pre-w created\n"
    assert kubectl("apply", "-k", str(tmp_path)) == made
    assert kubectl("get", "-k", str(tmp_path), "-o", "name") == made.replace(" created", "")
    kubectl("delete", "-k", str(tmp_path))
    assert kubectl("get", "wd,cm", "-o", "name") == f"{WIDGETS}\nconfigmap/m\n"


def test_prune(kubectl: Kubectl) -> None:
    labelled = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, labels: {set: one}}\n"
    both = labelled % "a" + "---\n" + labelled % "b"
    prune = ("apply", "--prune", "-l", "set=one", "--prune-allowlist=core/v1/ConfigMap", "-f", "-")
    assert kubectl(*prune, given=both) == "configmap/a created\nconfigmap/b created\n"
    assert kubectl(*prune, given=labelled % "a") == "configmap/a unchanged\nconfigmap/b pruned\n"


def test_server_side_apply(kubectl: Kubectl) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    assert kubectl(*apply, given=WIDGET % "small") == f"{WIDGETS} serverside-applied\n"
    other = (*apply, "--field-manager=other")
    refused = kubectl.fails(*other, given=WIDGET % "large")
    assert refused.startswith(
        'error: Apply failed with 1 conflict: conflict with "kubectl": .spec.size\n'
        "Please review the fields above--they currently have other managers."
    )
    assert kubectl(*other, "--force-conflicts", given=WIDGET % "large") == f"{WIDGETS} serverside-applied\n"
    managers = {entry["manager"]: entry for entry in managed(kubectl)}
    assert managers["other"]["fieldsV1"]["f:spec"].keys() == {"f:replicas", "f:size", "f:tags"}
    assert managers["kubectl"]["fieldsV1"]["f:spec"].keys() == {"f:replicas", "f:tags"}


def managed(kubectl: Kubectl) -> list[dict[str, Any]]:
    shown = json.loads(kubectl("get", "wd", "w", "-o", "json", "--show-managed-fields"))
    return list(shown["metadata"]["managedFields"])


@pytest.mark.parametrize(
    ("manifest", "old", "new", "path"),
    [(WIDGET % "small", "size", "sizes", "spec.sizes"), (POD % 1, "env", "envs", "spec.containers[0].envs")],
    ids=["custom", "pod"],
)
def test_unknown_fields(kubectl: Kubectl, manifest: str, old: str, new: str, path: str) -> None:
    given = manifest.replace(f"{old}:", f"{new}:")
    for mode in ([], ["--validate=strict"], ["--validate=true"]):
        refused = kubectl.fails("create", "-f", "-", *mode, given=given)
        assert f'strict decoding error: unknown field "{path}"' in refused
    code, _, warned = kubectl.run("create", "-f", "-", "--validate=warn", given=given)
    assert (code, warned) == (0, f'Warning: unknown field "{path}"\n')
    assert kubectl.run("apply", "-f", "-", "--validate=ignore", given=given)[0] == 0


def test_a_kind_that_is_not_served(kubectl: Kubectl) -> None:
    manifest = "apiVersion: nope.example.com/v1\nkind: Nope\nmetadata: {name: a}\n"
    for verb in ("create", "apply"):
        refused = kubectl.fails(verb, "-f", "-", given=manifest)
        assert 'no matches for kind "Nope" in version "nope.example.com/v1"\nensure CRDs are installed first' in refused


# ----------------------------------------------------------- replace and patch


def test_replace(kubectl: Kubectl) -> None:
    missing = kubectl.fails("replace", "-f", "-", given=MAP % 1)
    assert missing == 'Error from server (NotFound): error when replacing "STDIN": configmaps "m" not found\n'
    kubectl("create", "-f", "-", given=MAP % 1)
    before = read(kubectl, "configmap/m")
    assert kubectl("replace", "-f", "-", given=MAP % 2) == "configmap/m replaced\n"
    after = read(kubectl, "configmap/m")
    assert (after["data"], after["metadata"]["uid"]) == ({"k": "2"}, before["metadata"]["uid"])
    stale = kubectl.fails("replace", "-f", "-", given=json.dumps(before))
    assert "the object has been modified; please apply your changes to the latest version and try again" in stale
    manifest = kubectl.home / "map.yaml"
    manifest.write_text(MAP % 3)
    assert kubectl("replace", "--force", "-f", str(manifest)).endswith("configmap/m replaced\n")
    assert read(kubectl, "configmap/m")["metadata"]["uid"] != before["metadata"]["uid"]


PATCHES = {
    "pod/p -p {'spec':{'containers':[{'name':'b','image':'i:9'}]}}": (".spec.containers[*].image", "i:1 i:9"),
    "pod/p --type=json -p [{'op':'replace','path':'/spec/containers/0/image','value':'i:8'}]": (
        ".spec.containers[*].image",
        "i:8 i:1",
    ),
    "pod/p --type=merge -p {'metadata':{'labels':{'a':'b'}}}": (".metadata.labels", '{"a":"b"}'),
    "configmap/m -p {'data':{'k':null,'n':'1'}}": (".data", '{"n":"1"}'),
    "widget/w --type=merge -p {'spec':{'tags':['b','c']}}": (".spec.tags", '["b","c"]'),
    "widget/w --type=json -p [{'op':'add','path':'/spec/tags/-','value':'z'}]": (".spec.tags", '["a","z"]'),
    "widget/w --type=merge --subresource=status -p {'status':{'phase':'Up'},'spec':{'size':'large'}}": (
        ".status.phase .spec.size",
        "Up small",
    ),
}


@pytest.mark.parametrize("command", PATCHES)
def test_patch(kubectl: Kubectl, command: str) -> None:
    kubectl("create", "-f", "-", given="---\n".join([POD % 1, MAP % 1, WIDGET % "small"]))
    paths, expected = PATCHES[command]
    what = command.partition(" ")[0]
    shown = what.replace("widget/", "widget.shop.example.com/")
    assert kubectl("patch", *command.replace("'", '"').split(" ")) == f"{shown} patched\n"
    template = " ".join(f"{{{path}}}" for path in paths.split())
    assert kubectl("get", what, "-o", f"jsonpath={template}") == expected


def test_patches_that_are_refused(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", given=WIDGET % "small")
    strategic = kubectl.fails("patch", "wd", "w", "-p", '{"spec":{"size":"large"}}')
    assert strategic.startswith(
        "error: application/strategic-merge-patch+json is not supported by shop.example.com/v1, Kind=Widget: "
        "the body of the request was in an unknown format - accepted media types include:"
    )
    assert kubectl.fails("patch", "wd", "w", "--type=merge", "-p", '{"spec":{"size":"huge"}}') == (
        'The Widget "w" is invalid: spec.size: Unsupported value: "huge": supported values: "small", "large"\n'
    )
    nothing = kubectl("patch", "wd", "w", "--type=merge", "-p", '{"spec":{"size":"small"}}')
    assert nothing == f"{WIDGETS} patched (no change)\n"
    bad = kubectl.fails("patch", "wd", "w", "--type=json", "-p", '[{"op":"remove","path":"/spec/nope"}]')
    assert "the server rejected our request" in bad or "nope" in bad


def test_label_annotate_and_scale(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", given=WIDGET % "small")
    kubectl.script(
        {
            "label wd w a=b": f"{WIDGETS} labeled\n",
            "label wd w a=b --overwrite": f"{WIDGETS} not labeled\n",
            "label wd w a=c --overwrite": f"{WIDGETS} labeled\n",
            "label wd --all d=e": f"{WIDGETS} labeled\n",
            "get wd w -o jsonpath={.metadata.labels}": '{"a":"c","d":"e"}',
            "label wd w a-": f"{WIDGETS} unlabeled\n",
            "annotate wd w note=hello": f"{WIDGETS} annotated\n",
            "get wd w -o jsonpath={.metadata.annotations.note}": "hello",
            "annotate wd w note-": f"{WIDGETS} annotated\n",
            "scale wd/w --replicas=3": f"{WIDGETS} scaled\n",
            "scale wd/w --current-replicas=3 --replicas=5": f"{WIDGETS} scaled\n",
            "get wd w -o jsonpath={.spec.replicas}": "5",
            "get wd w --subresource=scale -o jsonpath={.spec.replicas}": "5",
        }
    )
    assert kubectl.fails("scale", "wd/w", "--current-replicas=1", "--replicas=2") == (
        "error: Expected replicas to be 1, was 5\n"
    )
    kubectl("label", "wd", "w", "a=b")
    assert kubectl.fails("label", "wd", "w", "a=c") == "error: 'a' already has a value (b), and --overwrite is false\n"


# ---------------------------------------------------------------------- edit


def test_edit(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("create", "-f", "-", given=WIDGET % "small")
    enlarge = editor(tmp_path / "enlarge", "sed -i 's/size: small/size: large/' \"$1\"")
    assert kubectl("edit", "wd", "w", KUBE_EDITOR=enlarge) == f"{WIDGETS} edited\n"
    assert read(kubectl, WIDGETS)["spec"]["size"] == "large"
    assert kubectl.run("edit", "wd", "w", KUBE_EDITOR="true")[::2] == (0, "Edit cancelled, no changes made.\n")
    # the second time kubectl shows why it was refused; the editor leaves it at that
    spoil = editor(tmp_path / "spoil", "grep -q '^# widgets' \"$1\" || sed -i 's/size: large/size: huge/' \"$1\"")
    refused = kubectl.fails("edit", "wd", "w", KUBE_EDITOR=spoil, TMPDIR=str(tmp_path))
    assert refused.startswith('error: widgets.shop.example.com "w" is invalid\n')
    assert refused.endswith("error: Edit cancelled, no valid changes were saved.\n")
    why = '# * spec.size: Unsupported value: "huge": supported values: "small", "large"'
    assert any(why in copy.read_text() for copy in tmp_path.glob("kubectl-edit-*.yaml"))
    assert read(kubectl, WIDGETS)["spec"]["size"] == "large"
