"""Trouble on our own side is told to the operator once, however many faxes meet it."""

from email.message import EmailMessage

import pytest

from gateway.fax import CallResult, Status
from gateway.store import history
from tests.stories.conftest import FAX_MACHINE, House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""

OPERATOR = "postmaster@localhost"
UNREADABLE = CallResult(success=False, answered=True, result_code=41, result_text="TIFF/F file cannot be opened")


def told(house: House) -> list[str]:
    return sorted(mail["Subject"] for mail in house.mails() if mail["To"] == OPERATOR)


async def ended(house: House, count: int) -> None:
    async def all_over() -> bool | None:
        return True if [fax.ended_at is not None for fax in await house.faxes()] == [True] * count else None

    await house.until(all_over, f"the end of {count} faxes")


async def test_a_trunk_that_is_down(house: House, letter: EmailMessage) -> None:
    house.line.down = "GATEWAY_DOWN"
    await house.send(letter, FAX_MACHINE, "+12025550198")
    await ended(house, 2)  # on the other line
    for minutes, mails in ((59, 1), (1, 2)):
        house.line.held = False
        del letter["Message-ID"]
        await house.later(seconds=60 * minutes)
        await house.send(letter, FAX_MACHINE)

        async def called(mails: int = mails) -> bool | None:
            return True if len(told(house)) == mails and house.line.held else None

        await house.until(called, f"{mails} mails to the operator")
        letter["Message-ID"] = f"<{minutes}@example.com>"
    assert told(house) == ["Fax line loopback: GATEWAY_DOWN"] * 2
    mail = await house.mail(OPERATOR)
    body = mail.get_body(("plain",))
    assert body is not None
    assert any(fax.id in body.get_content() for fax in await house.faxes())


async def test_a_document_that_the_line_cannot_read(house: House, letter: EmailMessage) -> None:
    house.line.script = [UNREADABLE, UNREADABLE]
    await house.send(letter, FAX_MACHINE, "+12025550198")
    await ended(house, 2)
    fax = await house.fax(Status.FAILED)
    await house.mail(OPERATOR)
    assert told(house) == ["Fax line loopback: T.30 41"]
    # Whom we call is nothing of the tenant's.
    async with house.app.store.read() as connection:
        story = await history.of_fax(connection, fax)
    assert not any(OPERATOR in moment.words for moment in story)


async def test_a_line_that_is_busy_is_nothing_of_his(house: House, letter: EmailMessage) -> None:
    await house.send(letter, "+12025550194")
    await ended(house, 1)
    await house.mail("alice@example.com")
    assert told(house) == []
