"""When the operator is called."""

from datetime import timedelta

import pytest

from gateway.alerts import alert_of
from gateway.fax import CallResult
from gateway.retry import T30_DOCUMENT, TRUNK_DOWN
from gateway.store import alerts
from gateway.store.engine import Store
from tests.conftest import MovedClock

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("cause", sorted(TRUNK_DOWN))
def test_a_trunk_that_is_not_there(cause: str) -> None:
    alert = alert_of(CallResult(success=False, answered=False, cause=609, hangup_cause=cause))
    assert alert is not None
    assert (alert.cause, alert.lost) == (cause, False)
    assert "sofia status" in alert.advice


def test_an_image_that_the_line_cannot_read_or_write() -> None:
    assert frozenset({41, 42, 43, 44, 45, 46}) == T30_DOCUMENT
    for code in T30_DOCUMENT:
        result = CallResult(success=False, answered=True, result_code=code)
        sending, receiving = alert_of(result), alert_of(result, inbound=True)
        assert sending is not None
        assert receiving is not None
        assert (sending.cause, sending.lost, receiving.cause) == (f"T.30 {code}", True, f"T.30 {code}")
        assert "spool" in sending.advice
        assert "disk full" in receiving.advice


@pytest.mark.parametrize(
    "result",
    [
        CallResult(success=True, answered=True, result_code=0),
        CallResult(success=False, answered=False, cause=17, hangup_cause="USER_BUSY"),
        CallResult(success=False, answered=False, cause=41, hangup_cause="NORMAL_TEMPORARY_FAILURE"),
        CallResult(success=False, answered=True, result_code=48),
        CallResult(success=False, answered=True, result_code=47),
        # What was answered went through the trunk; what was not answered has not come to the image.
        CallResult(success=False, answered=True, hangup_cause="GATEWAY_DOWN", result_code=48),
        CallResult(success=False, answered=False, result_code=41),
    ],
)
def test_what_is_nothing_of_the_operators(result: CallResult) -> None:
    assert alert_of(result) is None


async def test_once_an_hour_for_each_line_and_cause(store: Store, clock: MovedClock) -> None:
    now = clock.now()

    async def due(line: str, cause: str, minutes: int) -> bool:
        async with store.begin() as connection:
            return await connection.run_sync(alerts.is_due, line, cause, now + timedelta(minutes=minutes), HOUR)

    assert await due("one", "GATEWAY_DOWN", 0)
    assert not await due("one", "GATEWAY_DOWN", 0)
    assert not await due("one", "GATEWAY_DOWN", 59)
    assert await due("two", "GATEWAY_DOWN", 59)
    assert await due("one", "INVALID_GATEWAY", 59)
    assert await due("one", "GATEWAY_DOWN", 60)
    # It counts from the mail, and not from the last fax that met the trouble.
    assert not await due("one", "GATEWAY_DOWN", 119)
    assert await due("one", "GATEWAY_DOWN", 120)


async def test_what_is_rolled_back_was_not_told(store: Store, clock: MovedClock) -> None:
    async with store.engine.connect() as connection:
        assert await connection.run_sync(alerts.is_due, "one", "GATEWAY_DOWN", clock.now(), HOUR)
        await connection.rollback()
    async with store.begin() as connection:
        assert await connection.run_sync(alerts.is_due, "one", "GATEWAY_DOWN", clock.now(), HOUR)
