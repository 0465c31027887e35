"""Tenants may fax each other; a mail that goes round between fax addresses comes to an end."""

import smtplib
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from gateway.fax import Direction, Status
from tests.stories.conftest import House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database."""


async def test_a_received_fax_that_is_mailed_to_a_fax_address_is_not_faxed_again(
    house: House, letter: EmailMessage
) -> None:
    await house.send(letter, "+12025550102")  # Bob's number: from one faxbox to another
    await house.fax(Status.RECEIVED, Direction.INBOUND)
    arrived = await house.mail("bob@example.com")

    # Bob's mailbox passes everything on to a fax address, with its own envelope sender.
    with pytest.raises(smtplib.SMTPDataError) as refused:
        await house.send(arrived, "+12025550101", sender="alice@example.com")
    assert refused.value.smtp_code == 554
    assert "Auto-Submitted" in str(refused.value.smtp_error)
    assert len(await house.faxes()) == 1

    # Bob sends it on himself: that is a mail of his own.
    on = EmailMessage(policy=SMTP)
    on["From"], on["Subject"] = "alice@example.com", "Fwd: a fax"
    [attached] = arrived.iter_attachments()
    on.set_content("For you.")
    on.add_attachment(attached.get_content(), maintype="application", subtype="pdf", filename="fax.pdf")
    await house.send(on, "+12025550101")

    async def both() -> bool | None:
        return True if len([one for one in await house.faxes() if one.status is Status.COMPLETED]) == 2 else None

    await house.until(both, "the fax that was sent on")
