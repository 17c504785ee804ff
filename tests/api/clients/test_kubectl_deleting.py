"""What kubectl deletes and waits for."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest
from api_objects import config_map, created, gone, owned_by, pod
from kubectl_runner import SECONDS, Kubectl, cluster_with_kubectl

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    with cluster_with_kubectl(tmp_path_factory.mktemp("cluster")) as kubectl:
        yield kubectl


@pytest.fixture
def kubectl(everywhere: Kubectl) -> Kubectl:
    """kubectl in a namespace of the test's own, with ConfigMaps a and b that are labelled and c that is not."""
    here = everywhere.in_namespace(f"test-{next(_numbers)}")
    for name in "abc":
        labels = {} if name == "c" else {"set": "one"}
        created(here.server, maps(here), config_map(name, labels=labels))
    return here


def maps(kubectl: Kubectl, name: str = "") -> str:
    return f"/api/v1/namespaces/{kubectl.namespace}/configmaps" + (f"/{name}" if name else "")


def deleted(kubectl: Kubectl, *names: str, kind: str = "configmap", how: str = "") -> str:
    return "".join(f'{kind} "{name}" {how}deleted from {kubectl.namespace} namespace\n' for name in names)


@pytest.mark.parametrize(
    ("arguments", "went"),
    [
        ("cm a", "a"),
        ("cm/a cm/c", "ac"),
        ("cm a b", "ab"),
        ("cm -l set=one", "ab"),
        ("cm --all", "abc"),
        ("cm a --now", "a"),
        ("cm a --wait=false", "a"),
        ("cm --field-selector metadata.name=c", "c"),
    ],
)
def test_delete(kubectl: Kubectl, arguments: str, went: str) -> None:
    assert kubectl("delete", *arguments.split()) == deleted(kubectl, *went)
    left = kubectl("get", "cm", "-o", "custom-columns=N:.metadata.name", "--no-headers").split()
    assert left == [name for name in "abc" if name not in went]


def test_delete_of_a_file_and_of_what_is_not_there(kubectl: Kubectl) -> None:
    manifest = json.dumps(config_map("a"))
    assert kubectl("delete", "-f", "-", given=manifest) == deleted(kubectl, "a")
    missing = 'Error from server (NotFound): error when deleting "STDIN": configmaps "a" not found\n'
    assert kubectl.fails("delete", "-f", "-", given=manifest) == missing
    assert kubectl("delete", "-f", "-", "--ignore-not-found", given=manifest) == ""
    assert kubectl.fails("delete", "cm", "a") == 'Error from server (NotFound): configmaps "a" not found\n'
    assert kubectl.run("delete", "secrets", "--all") == (0, "No resources found\n", "")


@pytest.mark.parametrize(("how", "shown"), [("client", "dry run"), ("server", "server dry run")])
def test_a_dry_run_deletes_nothing(kubectl: Kubectl, how: str, shown: str) -> None:
    assert kubectl("delete", "cm", "a", f"--dry-run={how}") == deleted(kubectl, "a")[:-1] + f" ({shown})\n"
    assert kubectl("get", "cm", "a", "-o", "name") == "configmap/a\n"


@pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
def test_cascades(kubectl: Kubectl, cascade: str) -> None:
    owner = created(kubectl.server, maps(kubectl), config_map("owner"))
    references = owned_by(owner, blockOwnerDeletion=True)
    created(kubectl.server, maps(kubectl), config_map("owned", ownerReferences=references))
    assert kubectl("delete", "cm", "owner", f"--cascade={cascade}") == deleted(kubectl, "owner")
    if cascade == "orphan":
        left = json.loads(kubectl("get", "cm", "owned", "-o", "json"))
        assert "ownerReferences" not in left["metadata"]
    elif cascade == "foreground":  # kubectl waited for the owner, which goes last
        assert kubectl.server.request("GET", maps(kubectl, "owned"))[0] == 404
    else:
        gone(kubectl.server, maps(kubectl, "owned"))


def test_delete_waits_for_finalizers(kubectl: Kubectl) -> None:
    created(kubectl.server, maps(kubectl), config_map("held", finalizers=["example.com/hold"]))
    timed_out = kubectl.fails("delete", "cm", "held", "--timeout=200ms")
    assert timed_out.endswith("error: timed out waiting for the condition on configmaps/held\n")
    with (
        kubectl.background("delete", "cm", "held") as deleting,
        kubectl.background("wait", "cm/held", "--for=delete", f"--timeout={SECONDS}s") as waiting,
    ):
        assert deleting.stdout is not None
        assert deleting.stdout.readline() == deleted(kubectl, "held")
        kubectl("patch", "cm", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
        assert (deleting.wait(SECONDS), waiting.wait(SECONDS)) == (0, 0)
        assert waiting.communicate()[0] in ("configmap/held condition met\n", "")


def test_delete_pods_with_and_without_grace(kubectl: Kubectl) -> None:
    path = f"/api/v1/namespaces/{kubectl.namespace}/pods"
    for name in ("p", "q"):
        created(kubectl.server, path, pod(name))
        binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": "n"}}
        assert kubectl.server.request("POST", f"{path}/{name}/binding", binding)[0] == 201
    kubectl("delete", "pod", "p", "--wait=false", "--grace-period=7")
    dying = json.loads(kubectl("get", "pod", "p", "-o", "json"))["metadata"]
    assert dying["deletionGracePeriodSeconds"] == 7
    assert kubectl("get", "pod", "p", "--no-headers").split()[2] == "Terminating"
    for name in ("p", "q"):
        code, printed, warned = kubectl.run("delete", "pod", name, "--force", "--grace-period=0")
        assert (code, printed) == (0, deleted(kubectl, name, kind="pod", how="force "))
        assert warned.startswith("Warning: Immediate deletion does not wait for confirmation")
    assert kubectl("get", "pods", "-o", "name") == ""


def test_delete_a_namespace_with_what_is_in_it(kubectl: Kubectl) -> None:
    assert kubectl("delete", "namespace", kubectl.namespace) == f'namespace "{kubectl.namespace}" deleted\n'
    missing = f'Error from server (NotFound): namespaces "{kubectl.namespace}" not found\n'
    assert kubectl.fails("get", "namespace", kubectl.namespace) == missing
    assert kubectl.server.request("GET", maps(kubectl, "a"))[0] == 404


def test_wait(kubectl: Kubectl) -> None:
    kubectl.script(
        {
            "wait cm/a --for=jsonpath={.data.k}=a": "configmap/a condition met\n",
            "wait cm -l set=one --for=create": "configmap/a condition met\nconfigmap/b condition met\n",
            "wait cm/nope --for=delete": "",
        }
    )
    late = kubectl.fails("wait", "cm/a", "--for=jsonpath={.data.k}=z", "--timeout=100ms")
    assert late.endswith("error: timed out waiting for the condition on configmaps/a\n")
    with kubectl.background("wait", "cm/late", "--for=create", f"--timeout={SECONDS}s") as waiting:
        created(kubectl.server, maps(kubectl), config_map("late"))
        assert waiting.communicate(timeout=SECONDS)[0] == "configmap/late condition met\n"
    with kubectl.background("wait", "cm/a", "--for=jsonpath={.data.k}=z", f"--timeout={SECONDS}s") as waiting:
        kubectl("patch", "cm", "a", "-p", '{"data":{"k":"z"}}')
        assert waiting.communicate(timeout=SECONDS)[0] == "configmap/a condition met\n"
