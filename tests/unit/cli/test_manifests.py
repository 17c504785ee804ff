from __future__ import annotations

from pathlib import Path

import pytest

from footplate.cli.kubectl import kustomize
from footplate.cli.manifests import Manifest, parse, read
from footplate.cli.problem import UsageError

JOB = "{apiVersion: footplate.dev/v1alpha1, kind: TrainingJob, metadata: {name: a}, spec: {}}"
ENVIRONMENT = "{apiVersion: footplate.dev/v1alpha1, kind: Environment, metadata: {name: b}, spec: {}}"
CONFIG_MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}"
NAMESPACE = "{apiVersion: v1, kind: Namespace, metadata: {name: d}}"


async def never(folder: Path) -> str:
    raise AssertionError(f"{folder} is no kustomization")


def kinds(found: list[Manifest]) -> list[str]:
    return [manifest.resource.kind for manifest in found]


def refusal(text: str) -> str:
    with pytest.raises(UsageError) as error:
        parse(text, "job.yaml")
    return str(error.value)


async def test_what_others_need_comes_first(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("\n---\n".join([JOB, ENVIRONMENT, CONFIG_MAP, NAMESPACE]))
    assert kinds(await read([tmp_path / "all.yaml"], never)) == ["Namespace", "ConfigMap", "Environment", "TrainingJob"]


async def test_a_folder_gives_all_its_yaml_files(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text(ENVIRONMENT)
    (tmp_path / "a.yaml").write_text(JOB)
    (tmp_path / "train.py").write_text("print(1)")
    assert kinds(await read([tmp_path], never)) == ["Environment", "TrainingJob"]


async def test_a_kustomization_is_rendered(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "train.py").write_text("print(1)")
    (tmp_path / "kustomization.yaml").write_text(
        "resources: [job.yaml]\nconfigMapGenerator: [{name: code, files: [train.py]}]\n"
        "generatorOptions: {disableNameSuffixHash: true}\n"
    )
    code, job = await read([tmp_path], kustomize)
    assert code.body["data"] == {"train.py": "print(1)"}
    assert job.name == "a"
    assert job.origin == f"{tmp_path}, document 2"


async def test_a_kustomization_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [missing.yaml]\n")
    with pytest.raises(UsageError, match=r"cannot be rendered by kustomize: .*missing\.yaml"):
        await read([tmp_path], kustomize)


async def test_paths_that_give_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file or folder .*nowhere\.yaml"):
        await read([tmp_path / "nowhere.yaml"], never)
    with pytest.raises(UsageError, match="has no YAML file in it"):
        await read([tmp_path], never)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        await read([tmp_path / "binary.yaml"], never)


def test_a_list_gives_its_items() -> None:
    text = f"{{apiVersion: v1, kind: List, items: [{JOB}, {CONFIG_MAP}]}}"
    assert kinds(parse(text, "list.yaml")) == ["TrainingJob", "ConfigMap"]


def test_a_namespace_is_kept_or_given() -> None:
    (job,) = parse(JOB, "job.yaml")
    (space,) = parse(NAMESPACE, "job.yaml")
    placed = job.into("team")
    assert placed.namespace == "team"
    assert placed.into("other").namespace == "team"
    assert job.namespace is None, "the original is as it was"
    assert space.into("team").namespace is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "job.yaml is empty"),
        ("# nothing\n---\n", "job.yaml is empty"),
        ("a: [1\nb: 2", "job.yaml, line 2: this is no YAML: "),
        ("a: \x07", "job.yaml: this is no YAML: "),
        ("just words", "job.yaml: this is no Kubernetes object: it has no apiVersion and kind"),
        ("{apiVersion: v1, kind: ConfigMap}", "job.yaml: the ConfigMap has no metadata.name"),
        (f"{JOB}\n---\n{{kind: x}}", "job.yaml, document 2: this is no Kubernetes object"),
        (
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}}",
            "job.yaml: footplate run does not apply Deployment (apps/v1), only Namespace, ",
        ),
    ],
)
def test_refusals_name_the_file_and_the_document(text: str, sentence: str) -> None:
    assert refusal(text).startswith(sentence)
