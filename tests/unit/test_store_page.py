"""docs/store.md says what is there: its settings load, its messages are those of the code, its keys are read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from footplate.settings import Settings
from footplate_runtime.agent import flush
from footplate_runtime.store import cloud_errors, credentials

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text()
DOCUMENTS: list[Any] = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def _table(heading: str) -> list[list[str]]:
    section = PAGE[PAGE.index(heading) :]
    rows = [line.strip("|").split("|") for line in section[section.index("| ---") :].splitlines() if line]
    return [[cell.strip() for cell in row] for row in rows[1 : next(i for i, r in enumerate(rows) if len(r) < 2)]]


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if "store" in d], ids=lambda d: d["store"]["uri"])
def test_settings_load(document: dict[str, Any]) -> None:
    Settings.model_validate(document)


def test_all_settings_of_a_store_are_shown() -> None:
    shown = next(d["store"] for d in DOCUMENTS if "store" in d)
    assert set(shown) == set(Settings.model_validate({"store": shown}).store.model_dump(by_alias=True))


def test_the_keys_are_those_that_are_read() -> None:
    known = {name for names in credentials.NAMES.values() for name in names.split()}
    known |= {"AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE"}
    told = set(re.findall(r"\b(?:AWS|AZURE|GOOGLE)_[A-Z_0-9]+\b", PAGE))
    assert told - known == set()
    assert len(told) > 15


@pytest.mark.parametrize("told", [row[0] for row in _table("## When it fails")])
def test_the_messages_are_those_of_the_code(told: str) -> None:
    code = Path(cloud_errors.__file__).read_text() + Path(flush.__file__).read_text()
    code = re.sub(r"\{\w+\}", "…", code)
    said = re.sub(r"\(\w+\)", "(…)", told)
    for part in said.split(" … "):
        assert part in code


def test_json_is_json() -> None:
    found = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    assert len(found) == 2
