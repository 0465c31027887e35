"""An account has a language: its people are told in it, programs and logs are not."""

from dataclasses import replace
from email.message import EmailMessage

from gateway.administration import Administration
from gateway.fax import Status
from tests.stories.conftest import FAX_MACHINE, House

UNALLOCATED = "+12025550194"


async def test_receipt_and_failure_notice_are_german(house: House, letter: EmailMessage) -> None:
    administration = Administration(house.app.store, house.app.wake, house.clock)
    await administration.change_account(house.account.id, lambda account: replace(account, language="de"))

    await house.send(letter, FAX_MACHINE)
    await house.fax(Status.COMPLETED)
    receipt = await house.mail("alice@example.com")
    assert receipt["Subject"] == "Gefaxt an +1 202-555-0190: The minutes"
    assert "Das Faxgerät des Empfängers hat alle 2 Seiten bestätigt." in words(receipt)
    assert " Uhr (ME" in words(receipt)

    letter.replace_header("Message-ID", "<again@example.com>")
    await house.send(letter, UNALLOCATED)
    fax = await house.fax(Status.FAILED)
    assert fax.error == "The number is not in service."
    notice = await house.mail("alice@example.com", "NICHT gefaxt")
    assert notice["Subject"] == "NICHT gefaxt an +1 202-555-0194: The minutes"
    assert "Die Rufnummer ist nicht vergeben." in words(notice)


def words(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())
