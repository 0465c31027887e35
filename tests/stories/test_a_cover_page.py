"""A faxbox that has cover pages: each recipient gets its own, with what the sender wrote, and the pages are right."""

from dataclasses import replace
from email.message import EmailMessage
from io import BytesIO

import pypdf
import pytest

from gateway.administration import Administration
from gateway.fax import Fax, Status
from tests.stories.conftest import FAX_MACHINE, House

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""

OTHER_MACHINE = "+12025550198"


async def with_covers(house: House, when: str) -> None:
    administration = Administration(house.app.store, house.app.wake, house.clock)
    await administration.change_faxbox(
        house.account.id, house.alice.id, lambda box: replace(box, cover_page=when, confidentiality="For you alone.")
    )


async def cover_text(house: House, fax: Fax) -> str:
    """What stands on the first page of a fax."""
    path = await house.app.documents.open(fax.pdf_key)
    return pypdf.PdfReader(BytesIO(path.read_bytes())).pages[0].extract_text()


async def test_the_cover_says_who_faxes_what_to_whom(house: House, letter: EmailMessage) -> None:
    await with_covers(house, "always")
    await house.send(letter, FAX_MACHINE)
    fax = await house.fax(Status.COMPLETED)
    assert fax.pages == 3
    assert fax.result is not None
    assert fax.result.pages == 3
    text = await cover_text(house, fax)
    for said in ("+1 202-555-0190", "+1 202-555-0101", "The minutes", "3 with this cover", "For you alone."):
        assert said in text
    assert "Please find the minutes attached." in text


async def test_every_recipient_has_a_cover_of_its_own(house: House, letter: EmailMessage) -> None:
    await with_covers(house, "always")
    await house.send(letter, FAX_MACHINE, OTHER_MACHINE)

    async def both() -> list[Fax] | None:
        faxes = await house.faxes()
        return faxes if [fax.status for fax in faxes] == [Status.COMPLETED] * 2 else None

    texts = [await cover_text(house, fax) for fax in await house.until(both, "two faxes")]
    assert ["202-555-0190" in text for text in texts] == [True, False]
    assert ["202-555-0198" in text for text in texts] == [False, True]


@pytest.mark.parametrize(("text", "pages"), [("Please read.", 3), ("", 2), ("-- \nAlice\nPractice", 2)])
async def test_a_cover_where_the_mail_has_a_text(house: House, letter: EmailMessage, text: str, pages: int) -> None:
    await with_covers(house, "text")
    body = letter.get_body(("plain",))
    assert body is not None
    body.set_content(text)
    await house.send(letter, FAX_MACHINE)
    assert (await house.fax(Status.COMPLETED)).pages == pages


async def test_without_cover_pages_the_text_is_not_kept(house: House, letter: EmailMessage) -> None:
    await house.send(letter, FAX_MACHINE)
    fax = await house.fax(Status.COMPLETED)
    assert (fax.pages, fax.message) == (2, "")
