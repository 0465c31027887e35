"""The way of a fax in, from a far fax machine to a mailbox: the second half of the manual."""

import io
from email.message import EmailMessage

import pypdf
import pytest

from gateway.fax import Direction, Status
from tests.stories.conftest import House


async def test_a_fax_comes_in_and_is_mailed(house: House, letter: EmailMessage) -> None:
    await house.send(letter, "+12025550102")  # Bob's number, on this gateway too

    fax = await house.fax(Status.RECEIVED, Direction.INBOUND)
    assert fax.faxbox_id == house.bob.id
    assert fax.pages == 2
    assert (fax.from_number, fax.to_number) == ("+12025550101", "+12025550102")
    assert fax.result is not None
    assert fax.result.remote_station_id == "+12025550101"

    mail = await house.mail("bob@example.com")
    assert mail["Subject"] == "Fax from +1 202-555-0101, 2 pages"
    [attached] = mail.iter_attachments()
    assert attached.get_content_type() == "application/pdf"
    name = attached.get_filename()
    assert name is not None
    assert name.startswith("fax-")
    assert name.endswith("-from-12025550101.pdf")
    assert len(pypdf.PdfReader(io.BytesIO(attached.get_content())).pages) == 2

    [call] = await house.calls(fax)
    assert call.direction is Direction.INBOUND
    assert call.outcome == "received"


@pytest.mark.parametrize("lines_url", ["loopback://?pace=realtime"], indirect=True)
async def test_a_call_that_is_cut_off_delivers_nothing_where_no_page_came(house: House, letter: EmailMessage) -> None:
    await house.send(letter, "+12025550102")

    async def receiving() -> bool | None:
        return True if [fax.status for fax in await house.faxes(Direction.INBOUND)] == [Status.RECEIVING] else None

    await house.until(receiving, "the call to come in")
    await house.app.hang_up()
    fax = await house.fax(Status.FAILED, Direction.INBOUND)
    assert fax.pages == 0
    assert [mail for mail in house.mails() if "bob@example.com" in str(mail["To"])] == []


@pytest.mark.parametrize("lines_url", ["loopback://?pace=realtime"], indirect=True)
async def test_a_fax_of_which_some_pages_came_is_delivered_marked_incomplete(
    house: House, letter: EmailMessage
) -> None:
    house.line.hang_up_after = 1
    await house.send(letter, "+12025550102")
    fax = await house.fax(Status.PARTIAL, Direction.INBOUND)
    assert fax.pages == 1
    mail = await house.mail("bob@example.com")
    assert mail["Subject"].startswith("INCOMPLETE fax from +1 202-555-0101")
