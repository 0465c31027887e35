"""A call that breaks off is followed by one that is made in another way, and what worked is remembered."""

from email.message import EmailMessage

import pytest

from gateway.fax import CallResult, Fax, Means, Status
from gateway.means import REMEMBERED_FOR
from gateway.store import destinations
from tests.stories.conftest import FAX_MACHINE, House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""

BROKEN = CallResult(success=False, answered=True, cause=16, result_code=48, result_text="Disconnected")
FAST, SLOW, SLOW_T38 = Means(v17=True, t38=False), Means(v17=False, t38=False), Means(v17=False, t38=True)


async def sent(house: House, letter: EmailMessage, message_id: str) -> Fax:
    """The fax of this mail, however many calls it takes."""
    del letter["Message-ID"]
    letter["Message-ID"] = message_id
    before = {fax.id for fax in await house.faxes()}
    await house.send(letter, FAX_MACHINE)

    async def new(tries: int) -> Fax | None:
        return next((fax for fax in await house.faxes() if fax.id not in before and fax.tries == tries), None)

    for tries in range(1, 5):
        fax = await house.until(lambda tries=tries: new(tries), f"try {tries}")  # type: ignore[misc]
        if fax.status is not Status.PENDING:
            return fax
        await house.later(seconds=60)
    raise AssertionError("it goes on for ever")


async def asked(house: House, fax: Fax) -> list[Means]:
    """With what means each of its calls was made: as they are written down, and as the line was asked."""
    calls = {call.id: call.means for call in await house.calls(fax)}
    orders = {order.call_id: Means(v17=order.v17, t38=order.t38) for order in house.line.orders}
    assert calls == {call_id: orders[call_id] for call_id in calls}
    return list(calls.values())


async def test_the_second_call_goes_without_v17_and_the_third_in_the_other_medium(
    house: House, letter: EmailMessage
) -> None:
    house.line.script = [BROKEN, BROKEN, FAX_MACHINE]
    fax = await sent(house, letter, "<1@example.com>")
    assert fax.status is Status.COMPLETED
    assert await asked(house, fax) == [FAST, SLOW, SLOW_T38]
    assert fax.result is not None
    assert fax.result.rate == 9600  # V.29


async def test_what_worked_is_remembered_of_the_destination_for_a_month(house: House, letter: EmailMessage) -> None:
    house.line.script = [BROKEN, FAX_MACHINE]
    assert await asked(house, await sent(house, letter, "<1@example.com>")) == [FAST, SLOW]
    for number in range(2, 4):
        assert await asked(house, await sent(house, letter, f"<{number}@example.com>")) == [SLOW]
        await house.later(seconds=REMEMBERED_FOR.total_seconds() / 4)
    await house.later(seconds=REMEMBERED_FOR.total_seconds() / 2)
    assert await asked(house, await sent(house, letter, "<4@example.com>")) == [FAST]
    async with house.app.store.read() as connection:
        assert await destinations.find(connection, house.account.id, FAX_MACHINE) is None
