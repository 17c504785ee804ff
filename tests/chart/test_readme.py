"""The commands and values in the chart's README.md work as they stand there."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from typing import Any

import helm_python as helm
import pytest
import yaml
from chart import CHART, render, render_bare

README = (CHART / "README.md").read_text()
COMMANDS = [line.replace("\\\n", "") for line in re.findall(r"^helm (?:.*\\\n)*.*$", README, re.MULTILINE)]
EXAMPLES = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


def test_the_installation() -> None:
    (install,) = [command for command in COMMANDS if command.startswith("helm install")]
    words = shlex.split(install)
    assert words[2:4] == ["footplate", str(CHART.relative_to(CHART.parents[1]))]
    values: dict[str, Any] = {}
    for option, text in pairwise(words):
        if option == "--set":
            (section, keys), *_ = helm.parse_set_string(text).items()
            values.setdefault(section, {}).update(keys)
    assert set(values["store"]) == {"uri", "secretName"}
    assert render_bare(values).settings["store"].items() >= values["store"].items()


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_of_values(text: str) -> None:
    assert all("namespace" in item["metadata"] for item in render(yaml.safe_load(text)).manifests), "as is said of it"


def test_there_are_examples() -> None:
    assert EXAMPLES


def test_the_label_by_which_the_definitions_are_deleted() -> None:
    (selector,) = re.findall(r"kubectl delete crd -l (\S+)=(\S+)", README)
    definitions = render().of_kind("CustomResourceDefinition")
    assert {item["metadata"]["labels"][selector[0]] for item in definitions} == {selector[1]}
