"""A fax that does not get through is spoken of before it ends: people need not send it again."""

import asyncio
import smtplib
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from gateway.fax import Status
from gateway.store import notices
from gateway.store.wake import NOTICES
from tests.stories.conftest import FAX_MACHINE, House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""


async def test_a_fax_waits_for_a_line_that_is_away(house: House, letter: EmailMessage) -> None:
    for line in (house.line, house.spare):
        line.down, line.held = "GATEWAY_DOWN", True
    await house.send(letter, FAX_MACHINE)

    def ask() -> None:
        host, _, port = house.app.addresses.smtp.rpartition(":")
        with smtplib.SMTP(host, int(port), timeout=60) as client:
            to = ["FAX=+12025550194@fax.example.com"]
            client.sendmail("alice@example.com", to, letter.as_bytes(policy=SMTP), [], ["NOTIFY=DELAY"])

    await asyncio.to_thread(ask)

    async def waiting() -> bool | None:
        statuses = [fax.status for fax in await house.faxes()]
        return statuses == [Status.PENDING] * 2 or None

    await house.until(waiting, "both waiting")
    await house.later(3601)

    async def told() -> list[EmailMessage] | None:
        return mails if len(mails := house.mails()) == 2 else None

    mails = {mail.get_content_type(): mail for mail in await house.until(told, "two mails")}
    notice, report = mails["multipart/alternative"], mails["multipart/report"]
    assert notice["Subject"] == "Still trying to fax to +1 202-555-0190: The minutes"
    text = notice.get_body(("plain",))
    assert text is not None
    assert "has not been called yet" in text.get_content()
    assert "as soon as a line is free" in text.get_content()
    [fields] = [part for part in report.walk() if "Action" in part]
    assert (fields["Action"], fields["Status"], fields["Will-Retry-Until"]) == ("delayed", "4.0.0", None)

    for _ in range(3):
        await house.later(3601)
    house.line.back()
    fax = await house.fax(Status.COMPLETED)
    await house.fax(Status.FAILED)

    async def receipt() -> bool | None:
        return any(str(mail["Subject"]).startswith("Faxed to") for mail in house.mails()) or None

    await house.until(receipt, "the receipt")
    assert len(house.mails()) == 3  # each was told of once, and NOTIFY=DELAY asks for nothing more

    async with house.app.store.begin() as connection:
        [late] = [one for one in await notices.of_fax(connection, fax.id) if one.kind == notices.STILL_TRYING]
        await notices.again(connection, late.id, house.account.id, house.clock.now())
    await house.app.wake.notify(NOTICES)

    async def not_sent() -> str | None:
        async with house.app.store.read() as connection:
            notice = await notices.find(connection, late.id, house.account.id)
        return notice.answer if notice.state == "unavailable" else None

    assert "had ended" in await house.until(not_sent, "that it is not told again: it is not true any more")
    assert len(house.mails()) == 3
