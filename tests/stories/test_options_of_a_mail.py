"""A sender chooses: in tags of the subject or fields of the header, as far as the faxbox allows it."""

import smtplib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from io import BytesIO

import pikepdf
import pypdf
import pytest
from PIL import Image

from gateway.administration import Administration
from gateway.fax import Status
from gateway.options import NAMES
from tests.documents import papers
from tests.stories.conftest import BUSY, FAX_MACHINE, House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""


async def allow(house: House, *names: str) -> None:
    administration = Administration(house.app.store, house.app.wake, house.clock)
    await administration.change_faxbox(house.account.id, house.alice.id, lambda box: replace(box, mail_options=names))


def titled(letter: EmailMessage, subject: str) -> EmailMessage:
    letter.replace_header("Subject", subject)
    return letter


async def test_a_fax_as_its_sender_wants_it(house: House, letter: EmailMessage) -> None:
    await allow(house, *NAMES)
    letter["X-Fax-Cost-Code"] = "4711"
    await house.send(titled(letter, "The minutes [cover] [superfine] [to: Dr. Bob]"), FAX_MACHINE)
    fax = await house.fax(Status.COMPLETED)
    assert (fax.subject, fax.to_name, fax.destination, fax.pages) == ("The minutes", "Dr. Bob", FAX_MACHINE, 3)
    cover = pypdf.PdfReader(BytesIO((await house.app.documents.open(fax.pdf_key)).read_bytes())).pages[0].extract_text()
    assert "Dr. Bob" in cover
    assert "[" not in cover
    with Image.open(await house.app.documents.open(fax.image_key)) as image:
        assert round(float(image.info["dpi"][1])) == 391
    assert [call.cost_code for call in await house.calls(fax)] == ["4711"]
    mail = await house.mail("alice@example.com")
    assert "The minutes" in mail["Subject"]
    assert "superfine" not in mail["Subject"]


async def test_nothing_that_is_not_allowed_is_heeded(house: House, letter: EmailMessage) -> None:
    await allow(house, "resolution")
    letter["X-Fax-Cost-Code"] = "4711"
    await house.send(titled(letter, "[at: 2026-12-01 09:00] [standard] The minutes"), FAX_MACHINE)
    fax = await house.fax(Status.COMPLETED)
    assert (fax.send_at, fax.cost_code, fax.subject) == (None, "", "[at: 2026-12-01 09:00] The minutes")
    [entry] = await house.smtplog()
    assert any("at, cost_code" in error for error in entry.errors)


async def test_a_fax_for_later_waits(house: House, letter: EmailMessage) -> None:
    await allow(house, "at")
    at = (house.clock.now() + timedelta(days=2)).isoformat(timespec="minutes")
    await house.send(titled(letter, f"The minutes [at: {at}]"), FAX_MACHINE)
    waiting = await house.fax(Status.PENDING)
    await house.later(86_400)
    house.app.wake.event("dial").set()
    assert [fax.status for fax in await house.faxes()] == [Status.PENDING]
    assert house.line.orders == []
    assert waiting.due_at == waiting.send_at
    await house.later(86_400)
    await house.app.wake.notify("dial")
    assert (await house.fax(Status.COMPLETED)).attempts == 1


async def test_a_mail_that_was_long_under_way_goes_at_once(house: House, letter: EmailMessage) -> None:
    """Its server has tried until we answered; or it has lost our 250, and the fax is out already."""
    await allow(house, "at")
    now = datetime.now(UTC)
    at = (now - timedelta(hours=1)).isoformat(timespec="minutes")
    letter["Date"] = now - timedelta(hours=2)
    await house.send(titled(letter, f"The minutes [at: {at}]"), FAX_MACHINE)
    fax = await house.fax(Status.COMPLETED)
    await house.send(letter, FAX_MACHINE)
    assert (await house.smtplog())[0].errors == [f"repeat of fax {fax.id} to {FAX_MACHINE}: no new fax"]


async def test_a_time_that_had_passed_when_the_mail_was_written_is_a_mistake(
    house: House, letter: EmailMessage
) -> None:
    await allow(house, "at")
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="minutes")
    octets = titled(letter, f"The minutes [at: {at}]").as_bytes(policy=SMTP)
    for date in ("", "Sun, 29 Nov 2020 09:00:00 +0000", "yesterday", "Sun, 29 Nov 2099 09:00:00 -0000"):
        with pytest.raises(smtplib.SMTPDataError, match="has passed"):
            await house.send((f"Date: {date}\r\n" if date else "").encode() + octets, FAX_MACHINE)


async def test_an_option_that_cannot_be_understood_is_refused_in_the_session(
    house: House, letter: EmailMessage
) -> None:
    await allow(house, "at")
    with pytest.raises(smtplib.SMTPDataError, match="like 2026-12-01 09:00"):
        await house.send(titled(letter, "The minutes [at: tomorrow]"), FAX_MACHINE)
    assert await house.faxes() == []


async def test_a_password_opens_the_document_and_is_kept_nowhere(house: House, letter: EmailMessage) -> None:
    await allow(house, "password")
    locked = papers.saved(papers.pdf(papers.line_of("Hello")), pikepdf.Encryption(user="s3cr3t", owner="own", R=6))
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "alice@example.com", "Results [password: s3cr3t]"
    mail.set_content("See attached.")
    mail.add_attachment(locked, maintype="application", subtype="pdf", filename="results.pdf")
    await house.send(mail, FAX_MACHINE)
    fax = await house.fax(Status.COMPLETED)
    assert (fax.pages, fax.subject) == (1, "Results")
    [entry] = await house.smtplog()
    assert "s3cr3t" not in repr(fax) + repr(entry)
    mail.replace_header("Subject", "Results [password: wrong]")
    with pytest.raises(smtplib.SMTPDataError, match="not the one that was given"):
        await house.send(mail, BUSY)
