"""Every reason that a job can have is explained in docs/troubleshooting.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from footplate.api.training_job import TrainingJobStatus
from footplate.jobs.diagnosis import Cause
from footplate.jobs.events import FINALIZING, events_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text()
EXPLAINED = set(re.findall(r"`([A-Z][A-Za-z]+)`", PAGE))
JOBS = ROOT / "operator/footplate/jobs"


def reasons_in_code() -> set[str]:
    """The literal reasons given to `phase(...)`, `stalled(...)`, `Waiting(...)`, EnvironmentImage(reason=...) and
    variables of the name `reason`."""
    found: set[str] = set()
    for path in [*JOBS.glob("*.py"), ROOT / "operator/footplate/environments/resolve.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            found |= {
                part.value
                for value in _values(node)
                for part in ast.walk(value)
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isalpha()
            }
    return found


def _values(node: ast.AST) -> list[ast.expr]:
    """The parts of a statement that may hold a reason."""
    if isinstance(node, ast.Assign):
        named = any(isinstance(target, ast.Name) and target.id == "reason" for target in node.targets)
        return [node.value] if named and isinstance(node.value, (ast.Constant, ast.IfExp)) else []
    if not isinstance(node, ast.Call):
        return []
    name = _name(node)
    wanted = node.args[:2] if name in ("phase", "stalled", "Waiting") else []
    wanted = [*wanted, *(k.value for k in node.keywords if k.arg == "reason")]
    return [value for value in wanted if isinstance(value, ast.Constant)]


def _name(call: ast.Call) -> str:
    """Of the function that is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def test_the_search_finds_reasons() -> None:
    assert {"AllReplicasRunning", "UploadingOutputs", "EnvironmentNotFound", "NameTaken"} <= reasons_in_code()


@pytest.mark.parametrize("reason", sorted({cause.value for cause in Cause} | reasons_in_code()))
def test_it_is_explained(reason: str) -> None:
    assert reason in EXPLAINED


EVENTS = PAGE[PAGE.index("## Events") :].partition("\n## ")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in EVENTS.splitlines() if line.startswith("| ")]
TYPES = {reason: row[1] for row in ROWS for reason in re.findall(r"`([A-Za-z]+)`", row[0])}
WITHOUT_EVENT = {"PodsStarting", "Restarting"}  # told as PodsCreated, and with the cause of what ended


def reasons_of_events() -> set[str]:
    """The literal reasons of events, and of the conditions of Environments, which their events take over."""
    place = {"Event": 0, "warning": 0, "_not_ready": 1}
    found: set[str] = set()
    for path in (ROOT / "operator/footplate").rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        given = [call.args[place[_name(call)]] for call in calls if _name(call) in place and call.args]
        found |= {str(arg.value) for arg in given if isinstance(arg, ast.Constant) and str(arg.value).isalpha()}
    return found | set(FINALIZING)


def test_the_search_finds_reasons_of_events() -> None:
    assert {"StoppingReplicas", "RecordNotWritten", "BuildFailed", "ImageReady"} <= reasons_of_events()


@pytest.mark.parametrize("reason", sorted(reasons_of_events() | reasons_in_code() - WITHOUT_EVENT))
def test_the_event_is_explained(reason: str) -> None:
    assert reason in TYPES or reason in {cause.value for cause in Cause}


def test_no_event_is_explained_that_there_is_not() -> None:
    known = reasons_of_events() | reasons_in_code() | {cause.value for cause in Cause} | {"Progressing"}
    assert set(TYPES) - known == set()


@pytest.mark.parametrize(
    "phase", ["Preparing", "Scaling", "Running", "Finalizing", "Suspended", "Completed", "Canceled"]
)
def test_its_type_is_that_of_the_table(phase: str) -> None:
    """Every reason that the page gives for this phase, as the event of a job that comes to it."""
    section = PAGE[: PAGE.index("A job in Finalizing with one of the reasons below")]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    reasons = [r for row in rows if row[2].strip() in (phase, "any") for r in re.findall(r"`([A-Za-z]+)`", row[1])]
    assert reasons
    for reason in set(reasons) & set(TYPES):
        status = TrainingJobStatus.model_validate({"phase": phase, "reason": reason, "message": "why"})
        events = events_of(TrainingJobStatus(), status)
        assert (reason, TYPES[reason]) in {(e.reason, "Warning" if e.warning else "Normal") for e in events}
