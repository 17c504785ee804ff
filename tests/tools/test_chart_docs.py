"""The chart's README.md and values.schema.json are made from values.yaml."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import chart_docs
import pytest
from chart import CHART
from chart_values import UndocumentedError, documented

VALUES = """\
# About the file.

# How many.
count: 1
# The thing.
thing:
  # Its colour,
  # red or green.
  colour: red
  # What it may use.
  use: {cpu: 1}
# All in one.
resources:
  limits: {cpu: 2}
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    for name in ("values.yaml", "README.md", "values.schema.json"):
        shutil.copy(CHART / name, tmp_path)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_value_its_default_and_its_comment() -> None:
    assert [(value.name, value.default, value.text) for value in documented(VALUES)] == [
        ("count", 1, "How many."),
        ("thing", None, "The thing."),
        ("thing.colour", "red", "Its colour, red or green."),
        ("thing.use", {"cpu": 1}, "What it may use."),
        ("resources", {"limits": {"cpu": 2}}, "All in one."),
    ]


@pytest.mark.parametrize("text", ["a: 1\n", "# A.\na:\n  # B.\n  b: 1\n  c: 2\n", "# About the file.\n\na: 1\n"])
def test_a_value_without_a_comment_is_an_error(text: str) -> None:
    with pytest.raises(UndocumentedError, match=r"has no comment over it"):
        documented(text)


def test_a_table_row_for_each() -> None:
    assert chart_docs.table(documented("# A | b.\na: {x: 1}\n# S.\ns:\n  # T.\n  t: ''\n")).splitlines()[2:] == [
        '| `a` | `{"x": 1}` | A \\| b. |',
        "| **`s`** |  | S. |",
        '| `s.t` | `""` | T. |',
    ]


def test_a_changed_comment_is_brought_to_both_files(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(chart / "values.yaml", "# The region of the bucket.", "# Where the bucket is.")
    assert chart_docs.main([str(chart), "--check"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{chart / name} is not what values.yaml says: run `make chart-docs` and commit it"
        for name in ("README.md", "values.schema.json")
    ]
    assert chart_docs.main([str(chart)]) == 0
    assert '| `store.region` | `""` | Where the bucket is. |' in (chart / "README.md").read_text()
    schema = json.loads((chart / "values.schema.json").read_text())
    assert schema["properties"]["store"]["properties"]["region"]["description"] == "Where the bucket is."
    assert chart_docs.main([str(chart), "--check"]) == 0


def test_the_schema_has_the_text_of_each_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    for value in documented((CHART / "values.yaml").read_text()):
        part = schema
        for name in value.path:
            part = part["properties"][name]
        assert part["description"] == value.text


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ('  region: ""\n', '  region: ""\n  # A new one.\n  zone: ""\n', "store.zone"),
        ('  # The region of the bucket.\n  region: ""\n', "", "store.region"),
    ],
    ids=["one more", "one less"],
)
def test_values_and_schema_have_the_same_values(
    chart: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, name: str
) -> None:
    change(chart / "values.yaml", old, new)
    assert chart_docs.main([str(chart)]) == 1
    assert capsys.readouterr().err == (
        f"chart_docs: values.yaml and tools/chart_schema.py must both have these values: {name}\n"
    )


def test_what_is_written_by_hand_stays(chart: Path) -> None:
    change(chart / "README.md", "# The Footplate chart", "# Ours")
    change(chart / "README.md", "| `replicas` |", "| `edited` |")
    assert chart_docs.main([str(chart)]) == 0
    text = (chart / "README.md").read_text()
    assert text.startswith("# Ours\n")
    assert "| `replicas` |" in text
