"""What becomes of a fax whose gateway died during its call: the line is asked, and no doubt becomes a second fax."""

from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest

from gateway.fax import Attempt, CallResult, Direction, Fax, Status
from gateway.ids import new_id
from gateway.outbound.attempt import Calling
from gateway.ports import CallRecord, CallState
from gateway.store import attempts, faxes, queue
from gateway.store.faxes import LostClaim
from tests.stories.conftest import BUSY, FAX_MACHINE, House

RESULT = CallResult(
    success=True, answered=True, pages=2, total_pages=2, result_code=0, result_text="OK", cause=16, rate=9600, ecm=True
)


async def orphan(house: House, letter: EmailMessage, *, dialled: bool = True, first_page: int = 1) -> Fax:
    """A fax in `processing` whose worker is dead: claimed, perhaps dialled, its lease run out."""
    house.line.script = ["+12025550191"]
    await house.send(letter, FAX_MACHINE)

    async def busy() -> Fax | None:
        return next((fax for fax in await house.faxes() if fax.tries == 1), None)

    fax = await house.until(busy, "the first call")
    now = house.clock.now()
    async with house.app.store.begin() as connection:
        claim = {"claim_token": new_id(), "lease_until": now - timedelta(seconds=1)}
        await faxes.move(connection, fax, Status.PROCESSING, now, **claim)
        if dialled:
            attempt = Attempt(
                id=new_id(),
                fax_id=fax.id,
                account_id=fax.account_id,
                faxbox_id=fax.faxbox_id,
                direction=Direction.OUTBOUND,
                number=2,
                line=house.line.name,
                from_number=fax.from_number,
                to_number=fax.destination,
                started_at=now,
                first_page=first_page,
            )
            await attempts.begin(connection, attempt)
    house.line.script = [FAX_MACHINE]
    return fax


async def test_a_call_that_has_a_record_is_what_the_record_says(house: House, letter: EmailMessage) -> None:
    house.line.settled = CallRecord(CallState.ENDED, RESULT)
    await orphan(house, letter)
    await house.later(seconds=30)
    fax = await house.fax(Status.COMPLETED)
    assert fax.result is not None
    assert fax.result.rate == 9600
    assert len(await house.calls(fax)) == 2
    assert (await house.mail("alice@example.com"))["Subject"].startswith("Faxed to")


async def test_a_call_that_was_never_answered_is_dialled_again(house: House, letter: EmailMessage) -> None:
    house.line.settled = CallRecord(CallState.UNANSWERED)
    await orphan(house, letter)
    await house.later(seconds=30)
    fax = await house.fax(Status.COMPLETED)
    assert [call.outcome for call in await house.calls(fax)] == ["failed", "failed", "completed"]
    assert fax.tries == 2  # the busy line and the success; the call that died with the gateway is not counted


async def test_a_call_that_nobody_knows_of_is_not_dialled_again(house: House, letter: EmailMessage) -> None:
    house.line.settled = CallRecord(CallState.UNKNOWN)
    await orphan(house, letter)
    await house.later(seconds=30)
    fax = await house.fax(Status.FAILED)
    assert fax.error.startswith("The outcome is unknown: the fax may have arrived.")
    assert [call.outcome for call in await house.calls(fax)] == ["failed", "unknown"]
    notice = await house.mail("alice@example.com")
    assert notice["Subject"] == "Fax to +1 202-555-0190: outcome unknown: The minutes"


async def test_a_call_that_is_still_live_is_waited_for(house: House, letter: EmailMessage) -> None:
    house.line.settled = CallRecord(CallState.LIVE)
    orphaned = await orphan(house, letter)
    await house.later(seconds=30)

    async def asked() -> bool | None:
        return True if house.line.asked >= 1 else None

    await house.until(asked, "the line to be asked")
    [fax] = await house.faxes()
    assert fax.status is Status.PROCESSING
    house.line.settled = CallRecord(CallState.ENDED, RESULT)
    await house.later(seconds=30)
    fax = await house.fax(Status.COMPLETED)
    assert fax.id == orphaned.id


async def test_a_fax_that_was_claimed_but_not_dialled_goes_back_into_the_queue(
    house: House, letter: EmailMessage
) -> None:
    house.line.settled = CallRecord(CallState.UNKNOWN)  # which would fail it, were it asked
    await orphan(house, letter, dialled=False)
    await house.later(seconds=30)
    fax = await house.fax(Status.COMPLETED)
    assert [call.outcome for call in await house.calls(fax)] == ["failed", "completed"]
    assert house.line.asked == 0


@pytest.mark.parametrize("state", [CallState.UNANSWERED, CallState.UNKNOWN])
async def test_a_fax_cancelled_while_in_doubt_is_not_dialled_again(
    house: House, letter: EmailMessage, state: CallState
) -> None:
    house.line.settled = CallRecord(state)
    fax = await orphan(house, letter)
    async with house.app.store.begin() as connection:
        await faxes.request_cancel(connection, fax.id, house.account.id, house.clock.now())
    await house.later(seconds=30)

    async def ended() -> Fax | None:
        return next((fax for fax in await house.faxes() if fax.ended_at is not None), None)

    ended_fax = await house.until(ended, "the end of the fax")
    assert ended_fax.status is (Status.CANCELLED if state is CallState.UNANSWERED else Status.FAILED)
    assert len(await house.calls(ended_fax)) == 2


async def about_to_be_dialled(house: House, letter: EmailMessage) -> tuple[Fax, Calling]:
    """A fax that was busy and is claimed again, and what would dial it now."""
    house.line.script = [BUSY]
    await house.send(letter, FAX_MACHINE)

    async def busy() -> bool | None:
        return True if [fax.tries for fax in await house.faxes()] == [1] else None

    await house.until(busy, "the first call")
    tomorrow = house.clock.now() + timedelta(days=1)
    async with house.app.store.begin() as connection:
        claimed = await queue.claim_call(connection, tomorrow, tomorrow, [queue.Channels(house.line.name, 1)])
    assert claimed is not None
    dispatcher = house.app._dispatcher
    assert dispatcher is not None
    return claimed[0], dispatcher._calling


async def test_a_gateway_that_slept_too_long_does_not_dial(house: House, letter: EmailMessage) -> None:
    """Between writing the attempt down and dialling it was suspended, and its lease is over."""
    fax, calling = await about_to_be_dialled(house, letter)
    sleepy = replace(calling, lease=timedelta(0))
    with pytest.raises(LostClaim, match="ran out before its call began"):
        await sleepy.attempt(fax, house.line)
    assert house.line.calls == 1


async def test_a_gateway_that_is_stopped_before_it_dials_leaves_the_fax_in_the_queue(
    house: House, letter: EmailMessage
) -> None:
    fax, calling = await about_to_be_dialled(house, letter)
    await house.app.drain()
    await calling.stop_call(fax.id)
    house.line.script = ["+12025550194"]
    await calling.attempt(fax, house.line)
    assert house.line.calls == 1
    [left] = await house.faxes()
    assert (left.status, left.attempts, left.tries) == (Status.PENDING, 2, 1)
