"""A faxbox that allows it: after a call that was cut off, the next one brings the pages that are missing."""

import shutil
from dataclasses import replace
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gateway.administration import Administration
from gateway.documents.header import HeaderLine, drawn
from gateway.fax import CallResult, Direction, Fax, Status
from tests.documents import papers
from tests.stories.conftest import BUSY, FAX_MACHINE, House

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""

HANGS_UP_AFTER_PAGE_1, BOBS = "+12025550196", "+12025550102"


@pytest.fixture
async def patient(house: House) -> House:
    administration = Administration(house.app.store, house.app.wake, house.clock)
    await administration.change_faxbox(house.account.id, house.alice.id, lambda box: replace(box, resume=True))
    return house


@pytest.fixture
def minutes(letter: EmailMessage) -> EmailMessage:
    """The clerk's mail with a document of three pages."""
    letter.clear_content()
    letter.set_content("Please find the minutes attached.")
    letter.add_attachment(papers.letter(pages=3), maintype="application", subtype="pdf", filename="minutes.pdf")
    return letter


async def tried(house: House, times: int) -> Fax:
    async def over() -> Fax | None:
        return next((fax for fax in await house.faxes() if fax.tries == times), None)

    return await house.until(over, f"try {times}")


async def test_the_received_pages_are_exactly_the_rest(patient: House, minutes: EmailMessage) -> None:
    house = patient
    house.line.script = [HANGS_UP_AFTER_PAGE_1, BOBS]
    await house.send(minutes, FAX_MACHINE)
    fax = await tried(house, 1)
    assert fax.result is not None
    assert (fax.result.pages, fax.error) == (1, "The call was cut off after page 1 of 3.")
    await house.later(seconds=60)

    fax = await house.fax(Status.COMPLETED)
    assert fax.result is not None
    assert (fax.result.pages, fax.result.total_pages) == (3, 3)
    first, second = await house.calls(fax)
    assert first.result is not None
    assert second.result is not None
    assert (first.first_page, first.result.pages, first.result.total_pages) == (1, 1, 3)
    assert (second.first_page, second.result.pages, second.result.total_pages) == (2, 2, 2)
    [whole, rest] = house.line.orders
    assert (whole.pages, rest.pages) == (3, 2)

    got = await house.fax(Status.RECEIVED, Direction.INBOUND)
    received = papers.pages_of(await house.app.documents.open(got.image_key))
    sent = papers.pages_of(await house.app.documents.open(fax.image_key))
    heading = HeaderLine(
        text="The Practice (continued: pages 2-3 of 3)",
        station_id=second.from_number,
        moment=second.started_at.astimezone(ZoneInfo("Europe/Paris")),
    )
    for number, page, original in zip((2, 3), received, sent[1:], strict=True):
        assert np.array_equal(page[:32], drawn(heading, f"{number}/3"))
        assert np.array_equal(page[32:], original)
    assert not list((house.app.settings.data_dir / "spool").glob("sent-*"))

    receipt = (await house.mail("alice@example.com")).get_body(("plain",))
    assert receipt is not None
    assert "confirmed all 3 pages" in " ".join(receipt.get_content().split())


async def test_where_nothing_comes_through_any_more_the_sender_hears_how_far_it_got(
    patient: House, minutes: EmailMessage
) -> None:
    house = patient
    house.line.script = [HANGS_UP_AFTER_PAGE_1, HANGS_UP_AFTER_PAGE_1, BUSY, BUSY]
    await house.send(minutes, FAX_MACHINE)
    for times in (1, 2, 3):
        await tried(house, times)
        await house.later(seconds=180)
    fax = await house.fax(Status.FAILED)
    assert [call.first_page for call in await house.calls(fax)] == [1, 2, 3, 3]
    assert fax.result is not None
    assert (fax.result.pages, fax.result.total_pages, fax.error) == (2, 3, "The line was busy.")
    notice = (await house.mail("alice@example.com")).get_body(("plain",))
    assert notice is not None
    assert "2 of 3 got through" in notice.get_content()
    assert "The line was busy." in notice.get_content()


async def test_a_resumed_call_that_meets_a_voice_says_so(patient: House, minutes: EmailMessage) -> None:
    house = patient
    voice = CallResult(success=False, answered=True, result_code=2)
    house.line.script = [HANGS_UP_AFTER_PAGE_1, voice]
    await house.send(minutes, FAX_MACHINE)
    await tried(house, 1)
    await house.later(seconds=60)
    fax = await house.fax(Status.FAILED)
    notice = (await house.mail("alice@example.com")).get_body(("plain",))
    assert notice is not None
    assert fax.error == "A person or a voice machine answered, not a fax machine."
    assert fax.error in " ".join(notice.get_content().split())
    assert "1 of 3 got through" in notice.get_content()


async def test_the_progress_of_a_resumed_call_is_told_in_pages_of_the_document(
    patient: House, minutes: EmailMessage, caplog: pytest.LogCaptureFixture
) -> None:
    house = patient
    caplog.set_level("INFO")
    house.line.script = [HANGS_UP_AFTER_PAGE_1, FAX_MACHINE]
    await house.send(minutes, FAX_MACHINE)
    await tried(house, 1)
    caplog.clear()
    await house.later(seconds=60)
    await house.fax(Status.COMPLETED)
    told = [record.getMessage() for record in caplog.records if "is through" in record.getMessage()]
    assert [line.partition(": ")[2] for line in told] == ["page 2 of 3 is through", "page 3 of 3 is through"]


async def test_where_the_image_cannot_be_divided_the_whole_is_sent(patient: House, minutes: EmailMessage) -> None:
    house = patient
    house.line.script = [HANGS_UP_AFTER_PAGE_1, FAX_MACHINE]
    await house.send(minutes, FAX_MACHINE)
    await tried(house, 1)
    spool = house.app.settings.data_dir / "spool"
    shutil.rmtree(spool)
    spool.write_text("not a folder")
    await house.later(seconds=60)
    fax = await house.fax(Status.COMPLETED)
    assert [(call.first_page, call.result and call.result.pages) for call in await house.calls(fax)] == [(1, 1), (1, 3)]
