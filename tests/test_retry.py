"""Which results are tried again, when, and for how long: the table of T.30 result codes and Q.850 causes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.fax import CallResult, Direction, Fax, Status
from gateway.retry import TRUNK_DOWN, Done, GiveUp, RetryAt, decide

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

FAX = Fax(
    id="f" * 32,
    account_id="a" * 32,
    faxbox_id="b" * 32,
    direction=Direction.OUTBOUND,
    status=Status.PROCESSING,
    created_at=NOW,
    updated_at=NOW,
    retries=3,
    attempts=1,
    first_dialled_at=NOW,
)


def after(code: int | None) -> CallResult:
    return CallResult(success=False, answered=True, result_code=code)


def before(cause: int | None, name: str = "") -> CallResult:
    return CallResult(success=False, answered=False, cause=cause, hangup_cause=name)


def test_a_success_is_done() -> None:
    assert decide(FAX, CallResult(success=True, answered=True, result_code=0), NOW) == Done()


SWITCH_ENDED = ((500, "CRASH"), (501, "SYSTEM_SHUTDOWN"), (503, "MANAGER_REQUEST"))

PAUSES = [
    *((after(code), 300, True) for code in (1, 2, 3, 17, 19)),
    *((after(code), 60, True) for code in (5, 6, 13, 14, 15, 16, 18, 20, 21, 48, 49, 35, 36, 37, 38, 39, 40)),
    *((after(code), 300, True) for code in (4, 7, 9, 22)),
    *((after(code), 60, True) for code in (11, 12)),
    (after(47), 60, False),
    (after(None), 60, True),
    (after(0), 60, True),
    (before(17), 180, True),
    *((before(cause), 300, True) for cause in (18, 19, 20, 102)),
    *((before(cause), 60, False) for cause in (25, 27, 31, 34, 38, 41, 42, 44, 63, 127)),
    *((before(None, name), 0, False) for name in sorted(TRUNK_DOWN)),
    (before(21), 300, True),
    *((before(cause), 60, True) for cause in (58, 65, 79, 88)),
    (before(16), 60, True),
    (before(None), 60, True),
    # FreeSWITCH's own: what its operator did is no fault of the far end, before the answer or after it.
    *((before(cause, name), 60, False) for cause, name in SWITCH_ENDED),
    *((replace(after(49), cause=cause, hangup_cause=name), 60, False) for cause, name in SWITCH_ENDED),
    *((before(cause), 60, True) for cause in (487, 502, 602, 604, 606, 607)),
]


@pytest.mark.parametrize(("result", "seconds", "counted"), PAUSES)
def test_the_first_failure_is_tried_again(result: CallResult, seconds: float, counted: bool) -> None:
    assert decide(FAX, result, NOW) == RetryAt(NOW + timedelta(seconds=seconds), counted=counted)


PERMANENT = [
    *(after(code) for code in (8, 10, *range(23, 35), *range(41, 47), *range(50, 62))),
    *(before(cause) for cause in (1, 2, 3, 22, 28, 29, 50, 52, 54, 57, 66, 69)),
]


@pytest.mark.parametrize("result", PERMANENT)
def test_a_permanent_cause_is_final_at_once(result: CallResult) -> None:
    assert isinstance(decide(FAX, result, NOW), GiveUp)


TRIES = [
    (after(48), 3, 4),  # line faults: 1 + retries
    (after(48), 1, 2),
    (after(48), 0, 1),
    (before(17), 3, 4),
    (before(19), 5, 6),
    (after(2), 3, 2),  # no fax machine answers: one more try, however many the fax has
    (before(21), 3, 2),
    (before(58), 3, 2),
    (after(11), 3, 2),
    (before(1), 3, 1),
]


@pytest.mark.parametrize(("result", "retries", "calls"), TRIES)
def test_how_often_it_is_tried(result: CallResult, retries: int, calls: int) -> None:
    fax = replace(FAX, retries=retries)
    for tries in range(calls - 1):
        assert isinstance(decide(replace(fax, tries=tries), result, NOW), RetryAt), f"after try {tries + 1}"
    assert isinstance(decide(replace(fax, tries=calls - 1), result, NOW), GiveUp)


def test_faults_of_the_network_use_up_no_tries_but_end_after_a_day() -> None:
    fax = replace(FAX, retries=0, tries=0, attempts=50)
    trunk = before(41)
    later = decide(fax, trunk, NOW + timedelta(hours=23, minutes=59))
    assert later == RetryAt(NOW + timedelta(hours=23, minutes=59, seconds=300), counted=False)
    assert decide(fax, trunk, NOW + timedelta(hours=24)) == GiveUp("the network failed for 24 hours", counted=False)


def test_a_trunk_that_is_down_holds_its_line_and_not_the_fax() -> None:
    assert frozenset({"GATEWAY_DOWN", "INVALID_GATEWAY", "INVALID_PROFILE"}) == TRUNK_DOWN
    fax = replace(FAX, retries=0, attempts=50)
    for name in TRUNK_DOWN:
        late = NOW + timedelta(hours=23)
        assert decide(fax, before(609, name), late) == RetryAt(late, counted=False)
        end = GiveUp("the trunk was down for 24 hours", counted=False)
        assert decide(fax, before(609, name), NOW + timedelta(hours=24)) == end


def test_the_pauses_of_a_failing_network_grow() -> None:
    pauses = []
    for attempts in range(1, 6):
        verdict = decide(replace(FAX, attempts=attempts), before(41), NOW)
        assert isinstance(verdict, RetryAt)
        pauses.append((verdict.at - NOW).total_seconds())
    assert pauses == [60, 120, 240, 300, 300]
