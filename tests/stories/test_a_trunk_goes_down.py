"""A trunk that is down holds its line and not the faxes: another line takes them, or they go when it is back."""

import asyncio
from email.message import EmailMessage

import pytest

from gateway.fax import Status
from tests.stories.conftest import FAX_MACHINE, House


async def found_down(house: House) -> None:
    async def held() -> bool | None:
        return house.line.held or None

    await house.until(held, "a call that finds the trunk down")


@pytest.mark.parametrize("cause", ["GATEWAY_DOWN", "INVALID_GATEWAY", "INVALID_PROFILE"])
async def test_another_line_takes_the_fax_at_once(house: House, letter: EmailMessage, cause: str) -> None:
    house.line.down = cause
    await house.send(letter, FAX_MACHINE)
    fax = await house.fax(Status.COMPLETED)
    first, second = await house.calls(fax)
    assert (first.line, second.line) == ("loopback", "spare")
    assert (first.outcome, first.counted) == ("failed", False)
    assert fax.tries == 1


async def test_another_line_may_take_it_before_the_first_has_tidied_up(
    house: House, letter: EmailMessage, caplog: pytest.LogCaptureFixture
) -> None:
    tidied = asyncio.Event()

    async def forget(call_id: str) -> None:
        await tidied.wait()

    house.line.down = "GATEWAY_DOWN"
    house.line.forget = forget  # type: ignore[method-assign]
    await house.send(letter, FAX_MACHINE)
    fax = await house.fax(Status.COMPLETED)
    assert [call.line for call in await house.calls(fax)] == ["loopback", "spare"]
    tidied.set()
    await house.until(lambda: _tidy(house), "the end of both calls")
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


async def _tidy(house: House) -> bool | None:
    dispatcher = house.app._dispatcher
    return True if dispatcher is not None and len(dispatcher._tasks) == 0 else None


async def test_without_another_line_it_waits_for_the_trunk_and_goes_when_that_is_back(
    house: House, letter: EmailMessage
) -> None:
    house.line.down = house.spare.down = "GATEWAY_DOWN"
    await house.send(letter, FAX_MACHINE)
    await found_down(house)

    async def waits() -> bool | None:
        [fax] = await house.faxes()
        return True if fax.status is Status.PENDING and house.spare.held else None

    await house.until(waits, "the fax to wait")
    [fax] = await house.faxes()
    assert fax.error == "Our telephone connection was down."
    assert (house.line.calls, house.spare.calls) == (1, 1)  # and nobody tries it meanwhile
    house.line.back()
    async with asyncio.timeout(15):  # woken, and not found by chance at the next look
        fax = await house.fax(Status.COMPLETED)
    assert [call.line for call in await house.calls(fax)] == ["loopback", "spare", "loopback"]


async def test_after_a_day_the_sender_is_told(house: House, letter: EmailMessage) -> None:
    house.line.down = house.spare.down = "GATEWAY_DOWN"
    await house.send(letter, FAX_MACHINE)
    await found_down(house)
    await house.later(seconds=24 * 3600)
    house.line.held = False
    house.line._freed()
    fax = await house.fax(Status.FAILED)
    assert fax.error == "Our telephone connection was down."
    # A mail that it takes long has come before.
    assert await house.mail("alice@example.com", "NOT faxed to")
