from __future__ import annotations

import pytest

from footplate_run.errors import ORDERS, CannotStart
from footplate_run.substitution import substitute

VALUES = {"job": "digits", "outputs": "/footplate/outputs", "inputs.a-b": "/footplate/inputs/a-b"}


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("plain", "plain"),
        ("$(job)", "digits"),
        ("--out=$(outputs)/$(job).bin", "--out=/footplate/outputs/digits.bin"),
        ("$(inputs.a-b)", "/footplate/inputs/a-b"),
        ("$$(job)", "$(job)"),
        ("echo $$(date +%s)", "echo $(date +%s)"),
        ("$(echo with spaces)", "$(echo with spaces)"),
        ("$HOME ${HOME} $", "$HOME ${HOME} $"),
        ("", ""),
    ],
)
def test_substitute(word: str, wanted: str) -> None:
    assert substitute([word], VALUES) == [wanted]


@pytest.mark.parametrize("name", ["inputs.x", "output", "", "JOB"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(CannotStart, match="is not known; known are") as caught:
        substitute(["ok", f"x$({name})"], VALUES)
    assert caught.value.exit_code == ORDERS
