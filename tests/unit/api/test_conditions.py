from datetime import UTC, datetime, timedelta

import pytest

from footplate.api.conditions import COMPLETE, FAILED, MAX_MESSAGE, Condition, get_condition, set_condition

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
T1 = T0 + timedelta(minutes=1)


def condition(type_: str = COMPLETE, status: str = "False", reason: str = "Running") -> Condition:
    return Condition(type=type_, status=status, reason=reason, message="…", last_transition_time=T0)


def test_a_new_condition_is_added_at_the_end() -> None:
    (first, second) = set_condition((condition(),), FAILED, True, "UserError", "exit code 3", T1, 7)

    assert first == condition()
    assert (second.type, second.status, second.reason, second.message) == (FAILED, "True", "UserError", "exit code 3")
    assert (second.last_transition_time, second.observed_generation) == (T1, 7)


def test_a_changed_status_is_a_transition() -> None:
    (found,) = set_condition((condition(status="False"),), COMPLETE, "True", "Completed", "", T1)

    assert (found.status, found.last_transition_time) == ("True", T1)


def test_a_new_reason_and_message_of_the_same_status_are_no_transition() -> None:
    (found,) = set_condition((condition(status="False"),), COMPLETE, False, "Failed", "exit code 3", T1, 8)

    assert (found.reason, found.message, found.observed_generation) == ("Failed", "exit code 3", 8)
    assert found.last_transition_time == T0


def test_the_others_and_the_order_stay() -> None:
    before = (condition(COMPLETE), condition(FAILED))

    after = set_condition(before, COMPLETE, True, "Completed", "", T1)

    assert [found.type for found in after] == [COMPLETE, FAILED]
    assert after[1] is before[1]


def test_setting_twice_changes_nothing() -> None:
    once = set_condition((), COMPLETE, "Unknown", "Asking", "m", T0, 1)

    assert set_condition(once, COMPLETE, "Unknown", "Asking", "m", T1, 1) == once


def test_a_long_message_is_cut_to_what_the_schema_takes() -> None:
    (found,) = set_condition((), FAILED, True, "UserError", "x" * (MAX_MESSAGE + 1), T0)

    assert len(found.message) == MAX_MESSAGE


@pytest.mark.parametrize(("type_", "there"), [(COMPLETE, True), (FAILED, False)])
def test_get_condition(type_: str, there: bool) -> None:
    assert (get_condition((condition(COMPLETE),), type_) is not None) is there


def test_a_condition_goes_to_the_api_server_as_kubernetes_writes_it() -> None:
    (found,) = set_condition((), COMPLETE, True, "Completed", "all in the store", T0 + timedelta(microseconds=5), 3)

    assert found.to_json() == {
        "type": "Complete",
        "status": "True",
        "reason": "Completed",
        "message": "all in the store",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
        "observedGeneration": 3,
    }
