"""What Helm prints after an installation can be done as it stands there."""

from __future__ import annotations

import re

import pytest
import yaml
from chart import NAMESPACE, render

from footplate.api.training_job import TrainingJob


def commands(notes: str) -> list[str]:
    return re.findall(r"^     (kubectl .*)$", notes, re.MULTILINE)


@pytest.mark.parametrize(("watched", "namespace"), [([], "default"), (["team-a", "team-b"], "team-a")])
def test_three_commands(watched: list[str], namespace: str) -> None:
    notes = render({"watchNamespaces": watched}).notes
    assert commands(notes) == [
        f"kubectl --namespace {NAMESPACE} rollout status deployment/footplate-operator",
        f"kubectl --namespace {namespace} create -f - <<'END'",
        f"kubectl --namespace {namespace} get trainingjobs --watch",
    ]
    assert "{{" not in notes


def test_the_first_job_is_one() -> None:
    (text,) = re.findall(r"<<'END'\n(.*?)     END\n", render().notes, re.DOTALL)
    manifest = yaml.safe_load(text)
    job = TrainingJob.model_validate(manifest)
    assert (manifest["apiVersion"], manifest["kind"]) == ("footplate.dev/v1alpha1", "TrainingJob")
    assert set(manifest["spec"]) <= job.spec.to_json().keys()
    assert job.spec.entrypoint.command == ("python", "-c", "open('outputs/hello.txt', 'w').write('hello')")


def test_a_folder_as_the_store_and_a_secret_are_spoken_of_where_there_are_any() -> None:
    assert "WARNING: store.uri is a folder" in render({"store": {"uri": "file:///store"}}).notes
    assert "the Secret keys with" in render({"store": {"secretName": "keys"}}).notes
    assert "WARNING" not in render().notes
    assert "Secret" not in render().notes
