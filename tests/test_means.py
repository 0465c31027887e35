"""The ladder of means, and what is remembered of a destination."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.fax import Attempt, CallResult, Direction, Means
from gateway.means import REMEMBERED_FOR, Remembered, learned, next_means, plain
from gateway.retry import Q850_MEDIA, T30_LINE

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

BUSY = CallResult(success=False, answered=False, cause=17, hangup_cause="USER_BUSY")
NO_ANSWER = CallResult(success=False, answered=False, cause=19)
NO_MEDIUM = CallResult(success=False, answered=False, cause=88, hangup_cause="INCOMPATIBLE_DESTINATION")
BROKEN = CallResult(success=False, answered=True, cause=16, result_code=48)
VOICE = CallResult(success=False, answered=True, cause=16, result_code=2)

FAST_T38, SLOW_T38 = Means(v17=True, t38=True), Means(v17=False, t38=True)
FAST_AUDIO, SLOW_AUDIO = Means(v17=True, t38=False), Means(v17=False, t38=False)


def made(
    *results: CallResult, line_t38: bool, box_t38: bool | None = None, remembered: Remembered | None = None
) -> list[Means]:
    """The means of a fax's calls that ended so, and of the one after them."""
    calls: list[Attempt] = []
    means: list[Means] = []
    for number in range(1, len(results) + 2):
        means.append(next_means(calls, remembered, box_t38, line_t38, NOW))
        if number <= len(results):
            calls.append(call(number, means[-1], results[number - 1]))
    return means


def call(number: int, means: Means, result: CallResult | None, *, counted: bool = True) -> Attempt:
    return Attempt(
        id=f"{number:032}",
        fax_id="f" * 32,
        account_id="a" * 32,
        faxbox_id=None,
        direction=Direction.OUTBOUND,
        number=number,
        line="trunk",
        from_number="",
        to_number="+12025550190",
        started_at=NOW,
        v17=means.v17,
        t38=means.t38,
        result=result,
        outcome="failed",
        counted=counted,
    )


def test_the_box_chooses_the_medium_and_else_the_line() -> None:
    for line_t38 in (True, False):
        assert plain(None, line_t38) == Means(v17=True, t38=line_t38)
        assert plain(True, line_t38) == FAST_T38
        assert plain(False, line_t38) == FAST_AUDIO


def test_a_call_that_broke_climbs_the_ladder() -> None:
    broken = [BROKEN] * 5
    t38 = [FAST_T38, SLOW_T38, SLOW_AUDIO, SLOW_T38, SLOW_AUDIO, SLOW_T38]
    audio = [FAST_AUDIO, SLOW_AUDIO, SLOW_T38, SLOW_AUDIO, SLOW_T38, SLOW_AUDIO]
    assert made(*broken, line_t38=True) == t38
    assert made(*broken, line_t38=False) == audio
    assert made(*broken, line_t38=False, box_t38=True) == t38
    assert made(*broken, line_t38=True, box_t38=False) == audio


@pytest.mark.parametrize("code", sorted(T30_LINE))
def test_every_fault_of_the_line_climbs(code: int) -> None:
    assert made(replace(BROKEN, result_code=code), line_t38=False)[-1] == SLOW_AUDIO


@pytest.mark.parametrize("result", [BUSY, NO_ANSWER, VOICE, replace(BROKEN, result_code=None)])
def test_what_is_no_fault_of_the_line_does_not_climb(result: CallResult) -> None:
    assert made(result, result, line_t38=True) == [FAST_T38] * 3
    # Nor does it come down again.
    assert made(BROKEN, result, BROKEN, result, line_t38=True) == [
        FAST_T38,
        SLOW_T38,
        SLOW_T38,
        SLOW_AUDIO,
        SLOW_AUDIO,
    ]


def test_a_code_of_a_call_that_nobody_answered_says_nothing() -> None:
    assert made(replace(BROKEN, answered=False), line_t38=True)[-1] == FAST_T38


def test_a_call_that_we_cut_ourselves_does_not_climb() -> None:
    calls = [call(1, FAST_T38, replace(BROKEN, result_code=49), counted=False), call(2, FAST_T38, None)]
    assert next_means(calls, None, None, True, NOW) == FAST_T38


@pytest.mark.parametrize("cause", sorted(Q850_MEDIA))
def test_a_medium_that_cannot_be_carried_is_changed_for_the_other(cause: int) -> None:
    no_medium = replace(NO_MEDIUM, cause=cause)
    assert made(no_medium, line_t38=True) == [FAST_T38, FAST_AUDIO]
    assert made(no_medium, line_t38=False, box_t38=None) == [FAST_AUDIO, FAST_T38]


def test_a_medium_that_cannot_be_carried_is_no_rung_any_more() -> None:
    assert made(NO_MEDIUM, *[BROKEN] * 3, line_t38=True) == [FAST_T38, FAST_AUDIO, SLOW_AUDIO, SLOW_AUDIO, SLOW_AUDIO]
    assert made(BROKEN, NO_MEDIUM, BROKEN, line_t38=True) == [FAST_T38, SLOW_T38, SLOW_AUDIO, SLOW_AUDIO]
    slow = Remembered(SLOW_T38, NOW)
    assert made(NO_MEDIUM, BROKEN, line_t38=True, remembered=slow) == [SLOW_T38, SLOW_AUDIO, SLOW_AUDIO]


def test_a_fax_begins_with_what_worked_before() -> None:
    slow = Remembered(SLOW_AUDIO, NOW - REMEMBERED_FOR + timedelta(seconds=1))
    for box_t38 in (None, True, False):
        assert made(line_t38=True, box_t38=box_t38, remembered=slow) == [SLOW_AUDIO]
    assert made(BUSY, line_t38=True, remembered=slow) == [SLOW_AUDIO, SLOW_AUDIO]
    # V.17 is off already: a second call of the same kind would fail for the same reason.
    assert made(BROKEN, BROKEN, line_t38=True, remembered=slow) == [SLOW_AUDIO, SLOW_T38, SLOW_AUDIO]
    other_medium = Remembered(FAST_AUDIO, NOW)
    assert made(BROKEN, BROKEN, line_t38=True, remembered=other_medium) == [FAST_AUDIO, SLOW_AUDIO, SLOW_T38]


def test_after_a_month_the_plain_means_have_their_chance() -> None:
    assert made(line_t38=True, remembered=Remembered(SLOW_AUDIO, NOW - REMEMBERED_FOR)) == [FAST_T38]


def test_what_is_learned_meanwhile_does_not_move_the_ladder() -> None:
    calls = [call(1, FAST_T38, BROKEN), call(2, SLOW_T38, BROKEN)]
    assert next_means(calls, Remembered(SLOW_AUDIO, NOW), None, True, NOW) == SLOW_AUDIO
    assert next_means(calls, Remembered(SLOW_T38, NOW), None, True, NOW) == SLOW_AUDIO
    # Nor does a line with another default.
    assert next_means(calls, None, None, False, NOW) == SLOW_AUDIO


def test_a_call_of_an_older_gateway_says_nothing_of_its_medium() -> None:
    older = call(1, Means(v17=True, t38=None), BROKEN)
    assert next_means([older], None, None, True, NOW) == SLOW_T38
    assert next_means([older, call(2, SLOW_T38, BROKEN)], None, None, True, NOW) == SLOW_AUDIO


def test_only_what_differs_from_the_plain_means_is_remembered() -> None:
    assert learned(None, FAST_T38, FAST_T38, NOW) is None
    assert learned(None, SLOW_T38, FAST_T38, NOW) == Remembered(SLOW_T38, NOW)
    assert learned(None, FAST_AUDIO, FAST_T38, NOW) == Remembered(FAST_AUDIO, NOW)
    # The plain means work again: nothing is left to know.
    assert learned(Remembered(SLOW_T38, NOW), FAST_T38, FAST_T38, NOW) is None


def test_what_works_again_and_again_does_not_grow_younger() -> None:
    known = Remembered(SLOW_T38, NOW - timedelta(days=29))
    assert learned(known, SLOW_T38, FAST_T38, NOW) == known
    assert learned(known, SLOW_AUDIO, FAST_T38, NOW) == Remembered(SLOW_AUDIO, NOW)
    old = Remembered(SLOW_T38, NOW - REMEMBERED_FOR)
    assert learned(old, SLOW_T38, FAST_T38, NOW) == Remembered(SLOW_T38, NOW)
