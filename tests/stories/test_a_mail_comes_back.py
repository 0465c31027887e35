"""A mail of ours that the relay has taken comes back: its notice is called bounced, and can be sent again."""

import asyncio
import smtplib
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import httpx
import pytest

from gateway.fax import Status
from gateway.tokens import Tokens
from tests.smtp.test_bounces import UNKNOWN_USER, group, plain, report
from tests.stories.conftest import FAX_MACHINE, House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""


@pytest.fixture
def bounce_domain() -> str:
    return "Bounces.example.com"


async def bring(house: House, address: str, mail: bytes, sender: str = "") -> None:
    def with_client() -> None:
        host, _, port = house.app.addresses.smtp.rpartition(":")
        with smtplib.SMTP(host, int(port), timeout=60) as client:
            client.sendmail(sender, [address], mail)

    await asyncio.to_thread(with_client)


async def test_a_receipt_comes_back(house: House, letter: EmailMessage) -> None:
    await house.send(letter, FAX_MACHINE)
    await house.fax(Status.COMPLETED)
    receipt = await house.mail("alice@example.com")
    address = str(receipt["Return-Path"]).strip("<>")
    assert address.startswith(f"bounces+{receipt['X-Faxgate-Notice']}-")
    assert address.endswith("@bounces.example.com")
    assert receipt["From"].addresses[0].addr_spec == "faxgate@fax.example.com"  # what people see stays as it was

    _, token = await Tokens(house.app.store, house.clock).add(
        house.account.id, "test", scopes=["read", "send", "admin"]
    )
    base = f"http://{house.app.addresses.api}/v2/accounts/{house.account.id}/notifications"
    async with httpx.AsyncClient(headers={"X-Auth-Token": token}, verify=False) as client:

        async def notice() -> Any:
            [one] = (await client.get(base)).json()["data"]
            return one

        async def sent() -> bool | None:
            return (await notice())["state"] == "sent" or None

        await house.until(sent, "the receipt sent")
        await bring(house, address, report(group("delayed")))
        await bring(house, address, plain("I am away.", "Auto-Submitted: auto-replied"))
        await bring(house, address, plain("Thank you!"), "alice@example.com")
        assert (await notice())["state"] == "sent"

        await bring(house, address, report(group()))
        assert ((await notice())["state"], (await notice())["answer"]) == ("bounced", UNKNOWN_USER)
        assert (await client.get(f"{base}?filter_state=bounced")).json()["data"]
        [fax] = await house.faxes()
        told = (await client.get(f"{base.replace('notifications', 'faxes/outbox')}/{fax.id}/history")).json()["data"]
        assert any("came back: 550 5.1.1" in moment["words"] for moment in told)

        again = await client.put(f"{base}/{(await notice())['id']}", json={"action": "resend"})
        assert again.status_code == 202
        await house.until(sent, "the receipt sent again")
    assert len(await house.faxes()) == 1
    assert len(house.mails()) == 1  # nothing answers a bounce; and the Maildir keeps each mail once
    with pytest.raises(smtplib.SMTPRecipientsRefused, match=r"5\.1\.1"):
        await bring(house, address.replace("-", "-0"), report(group()))


async def test_what_has_the_null_sender_has_no_bounces(house: House, letter: EmailMessage) -> None:
    mail = EmailMessage()
    mail["From"] = "somebody@example.org"
    mail.set_content("Is anybody there?")
    await bring(house, "postmaster@bounces.example.com", mail.as_bytes(policy=SMTP), "somebody@example.org")

    async def passed_on() -> EmailMessage | None:
        return next(iter(house.mails()), None)

    assert (await house.until(passed_on, "the mail to postmaster"))["Return-Path"] == "<>"
