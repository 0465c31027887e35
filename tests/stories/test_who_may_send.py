"""Mail from strangers' servers: it is faxed where its sender is proven, and refused in words that help where not.

The gateway trusts nobody's address here, and asks a real name server. What a mail says is read in its worker processes.
"""

import asyncio
import shutil
import smtplib
from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.fax import Status
from gateway.tokens import Tokens
from tests.nameserver import Does, NameServer, serving
from tests.smtp.mails import pdf
from tests.smtp.signing import ed25519_key, rsa_key, signed
from tests.stories.conftest import FAX_MACHINE, House

STRANGER = "127.0.0.66"
KEY = rsa_key(2048)


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Of one kind: what is proven is the same on both."""
    shutil.copyfile(sqlite_template, tmp_path / "faxgate.db")
    return f"sqlite:///{tmp_path}/faxgate.db"


@pytest.fixture
async def zone() -> AsyncIterator[NameServer]:
    async with serving() as server:
        server.add("example.com", "TXT", "v=spf1 ip4:127.0.0.5 -all")
        server.add("s._domainkey.example.com", "TXT", KEY.record)
        server.add("forwarder.example", "TXT", "v=spf1 ip4:127.0.0.66 -all")
        yield server


@pytest.fixture
def settings_beside(zone: NameServer) -> dict[str, object]:
    return {"dns": f"127.0.0.1:{zone.port}", "trusted_networks": "192.0.2.0/24"}


@pytest.fixture
async def api(house: House) -> AsyncIterator[httpx.AsyncClient]:
    _, token = await Tokens(house.app.store, house.clock).add(house.account.id, "Program")
    base = f"http://{house.app.addresses.api}/v2/accounts/{house.account.id}"
    async with httpx.AsyncClient(base_url=base, headers={"X-Auth-Token": token}, timeout=60, verify=False) as client:
        yield client


async def refused(house: House, mail: EmailMessage | bytes, peer: str, sender: str = "alice@example.com") -> str:
    with pytest.raises(smtplib.SMTPDataError) as caught:
        await house.send(mail, FAX_MACHINE, sender=sender, peer=peer)
    error = caught.value.smtp_error
    return f"{caught.value.smtp_code} {error.decode() if isinstance(error, bytes) else error}"


async def test_a_signed_mail_that_a_stranger_forwards_is_faxed_and_its_signer_alone_is_told(
    house: House, letter: EmailMessage
) -> None:
    mail = signed(letter.as_bytes(policy=SMTP), KEY)
    await house.send(mail, FAX_MACHINE, sender="srs0=x=example.com=alice@forwarder.example", peer=STRANGER)

    fax = await house.fax(Status.COMPLETED)
    assert (fax.pages, fax.sender) == (2, "alice@example.com")
    receipt = await house.mail("alice@example.com")
    assert receipt["Subject"] == "Faxed to +1 202-555-0190: The minutes"
    assert [told["To"] for told in house.mails()] == ["alice@example.com"]
    [entry] = await house.smtplog()
    assert entry.authentication == "DKIM of example.com, aligned with From alice@example.com"


async def test_a_mail_that_proves_nothing_is_refused_in_words_that_help(
    house: House, letter: EmailMessage, api: httpx.AsyncClient
) -> None:
    reply = await refused(house, letter, STRANGER)
    assert reply.startswith("550 5.7.1 This sender may not send faxes here, or cannot be proven: sign with DKIM")
    assert "SPF" in reply

    assert await house.faxes() == []
    assert house.mails() == []  # whoever was named as the sender has not mailed
    [listed] = (await api.get("/faxes/smtplog")).json()["data"]
    entry: dict[str, Any] = (await api.get(f"/faxes/smtplog/{listed['id']}")).json()["data"]
    assert entry["authentication"] == "none: SPF of example.com: fail; no DKIM signature"
    assert "550 5.7.1" in str(entry)


async def test_a_dns_that_is_down_puts_the_mail_off(house: House, letter: EmailMessage, zone: NameServer) -> None:
    zone.let("s._domainkey.example.com", Does.SERVFAIL)
    mail = signed(letter.as_bytes(policy=SMTP), KEY)
    assert (await refused(house, mail, STRANGER)).startswith("451 4.4.3 ")

    zone.instead.clear()
    await house.send(mail, FAX_MACHINE, peer=STRANGER)
    await house.fax(Status.COMPLETED)


async def test_an_account_registers_the_domain_that_its_provider_signs_with(
    house: House, letter: EmailMessage, api: httpx.AsyncClient, zone: NameServer
) -> None:
    key = ed25519_key()
    zone.add("selector1._domainkey.practice.onmicrosoft.com", "TXT", key.record)
    mail = signed(letter.as_bytes(policy=SMTP), key, "practice.onmicrosoft.com", "selector1")
    assert (await refused(house, mail, STRANGER)).startswith("550 5.7.1 ")

    changed = await api.patch(
        str(api.base_url).rstrip("/"), json={"data": {"signing_domains": ["practice.onmicrosoft.com"]}}
    )
    assert changed.status_code == 200, changed.text
    await house.send(mail, FAX_MACHINE, peer=STRANGER)
    await house.fax(Status.COMPLETED)
    assert "registered by the account" in (await house.smtplog())[0].authentication


async def test_a_mail_with_a_large_document_is_proven_from_disk(house: House, letter: EmailMessage) -> None:
    large = pdf(filler=b"y" * 2_000_000)
    letter.add_attachment(large, maintype="application", subtype="pdf", filename="large.pdf")
    mail = signed(letter.as_bytes(policy=SMTP), KEY)
    await asyncio.wait_for(house.send(mail, FAX_MACHINE, peer=STRANGER), 30)
    [entry] = await house.smtplog()
    assert entry.authentication.startswith("DKIM of example.com")
    assert entry.size is not None
    assert entry.size > 2_000_000
