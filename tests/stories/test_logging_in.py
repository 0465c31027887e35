"""Who logs in sends through what the credential is of, and through nothing else: real mail programs, real TLS."""

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import aiosmtplib
import pytest
import trustme

from gateway.accounts import Account, Faxbox
from gateway.administration import Administration
from gateway.app import App
from gateway.credentials import Credentials
from gateway.fax import Status
from gateway.sandbox import Sandbox
from gateway.settings import BadSettingsError, read
from gateway.smtplog import SmtplogEntry
from gateway.store import audit, smtplog
from tests.conftest import MovedClock
from tests.stories.conftest import FAX_MACHINE, House, scripted

AUTHORITY = trustme.CA()
HERE, BOBS, LABS = (f"{FAX_MACHINE}@{where}.example.com" for where in ("fax", "bob.fax", "lab"))


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


@dataclass
class Secured(House):
    """A house that trusts nobody, with two accounts."""

    lab: Account
    passwords: dict[str, str]

    async def mailed(self, name: str, mail: EmailMessage, to: str, sender: str) -> str:
        """Log in and mail, by STARTTLS; the last reply, or the refusal."""
        host, _, port = self.app.addresses.smtp.rpartition(":")
        client = aiosmtplib.SMTP(hostname=host, port=int(port), tls_context=trusting(), start_tls=True)
        async with client:
            await client.login(name, self.passwords[name])
            try:
                _, said = await client.sendmail(sender, [to], mail.as_bytes(policy=SMTP))
            except aiosmtplib.SMTPRecipientsRefused as refused:
                return f"{refused.recipients[0].code} {refused.recipients[0].message}"
            except aiosmtplib.SMTPResponseException as refused:
                return f"{refused.code} {refused.message}"
        return f"250 {said}"

    async def last(self, account: Account | None = None) -> SmtplogEntry:
        async with self.app.store.read() as connection:
            return (await smtplog.page(connection, (account or self.account).id))[0]


@pytest.fixture
async def secured(tmp_path: Path, sqlite_template: Path, clock: MovedClock, sandbox: Sandbox) -> AsyncIterator[Secured]:
    (tmp_path / "faxgate.db").write_bytes(sqlite_template.read_bytes())
    certificate = tmp_path / "listener.pem"
    AUTHORITY.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    settings = read(
        data_dir=tmp_path,
        smtp_listen="127.0.0.1:0",
        smtps_listen="127.0.0.1:0",
        lmtp_listen="127.0.0.1:0",
        api_listen="127.0.0.1:0",
        smtp_hostname="fax.example.com",
        smtp_tls_cert=certificate,
        trusted_networks="",
    )
    line, spare = scripted("loopback://?pace=fast", tmp_path / "l"), scripted("loopback://?channels=1", tmp_path / "s")
    spare.name = "spare"
    app = App(settings, clock=clock, lines=[line, spare], sandbox=sandbox)
    await app.start()
    administration, credentials = Administration(app.store, app.wake, clock), Credentials(app.store, clock)
    practice, _ = await administration.add_account("Practice", domains=["fax.example.com"])
    lab, _ = await administration.add_account("Lab", domains=["lab.example.com"])

    async def box(name: str, permitted: str, account: Account = practice, domain: str = "") -> Faxbox:
        return await administration.add_faxbox(account.id, name, permits=[permitted], address_domain=domain)

    alice = await box("Alice", "alice@example.com")
    bob = await box("Bob", "@bob.example.com", domain="bob.fax.example.com")
    await box("Lab", "@lab.example.com", lab)
    passwords = {}
    for name, account, faxbox_id in (
        ("scanner", practice, alice.id),
        ("alice@example.com", practice, alice.id),
        ("office", practice, None),
        ("lab", lab, None),
    ):
        _, passwords[name] = await credentials.add(account.id, name, faxbox_id=faxbox_id)
    yield Secured(app, clock, line, spare, practice, alice, bob, tmp_path / "mail", lab, passwords)
    await app.stop()


def rename(letter: EmailMessage) -> None:
    """Make it another mail, not the same one again."""
    del letter["Message-ID"]
    letter["Message-ID"] = "<another@example.com>"


async def test_a_scanner_sends_through_its_faxbox_alone(secured: Secured, letter: EmailMessage) -> None:
    assert (await secured.mailed("scanner", letter, HERE, "printer@printer.local")).startswith("250")
    fax = await secured.fax(Status.COMPLETED)
    assert fax.faxbox_id == secured.alice.id
    assert (await secured.last()).authentication == "logged in as scanner"
    assert (await secured.last()).tls.startswith("TLSv1.3")

    rename(letter)
    assert (await secured.mailed("scanner", letter, HERE, "x@bob.example.com")).startswith("250")
    assert {fax.faxbox_id for fax in await secured.faxes()} == {secured.alice.id}

    for elsewhere, account in ((BOBS, secured.account), (LABS, secured.lab)):
        reply = await secured.mailed("scanner", letter, elsewhere, "x@bob.example.com")
        assert reply.startswith("550 5.7.1"), elsewhere
        assert "logged in" not in (await secured.last(account)).authentication
    assert len(await secured.faxes()) == 2


async def test_an_accounts_login_sends_through_the_faxbox_of_its_sender(secured: Secured, letter: EmailMessage) -> None:
    assert (await secured.mailed("office", letter, HERE, "robert@bob.example.com")).startswith("250")
    assert (await secured.mailed("office", letter, HERE, "alice@example.com")).startswith("250")
    assert {fax.faxbox_id for fax in await secured.faxes()} == {secured.alice.id, secured.bob.id}
    reply = await secured.mailed("office", letter, HERE, "x@elsewhere.example")
    assert reply.startswith("550 5.7.1 You may use several faxboxes")
    assert (await secured.mailed("office", letter, LABS, "x@lab.example.com")).startswith("550 5.7.1")
    assert (await secured.mailed("lab", letter, HERE, "alice@example.com")).startswith("550 5.7.1")
    assert (await secured.mailed("lab", letter, LABS, "x@lab.example.com")).startswith("250")
    secured.passwords["office"] = "not the password"
    with pytest.raises(aiosmtplib.SMTPAuthenticationError, match="Name or password is wrong"):
        await secured.mailed("office", letter, HERE, "alice@example.com")
    assert len(await secured.faxes()) == 2


async def test_a_receipt_goes_to_a_permitted_sender_or_to_who_has_logged_in(
    secured: Secured, letter: EmailMessage
) -> None:
    def send(client: smtplib.SMTP, sender: str, name: str) -> None:
        with client:
            client.login(name, secured.passwords[name])
            client.sendmail(sender, [HERE], letter.as_bytes(policy=SMTP))

    def where_tls_comes_first(sender: str, name: str) -> None:
        host, _, port = secured.app.addresses.smtps.rpartition(":")
        send(smtplib.SMTP_SSL(host, int(port), timeout=20, context=trusting()), sender, name)

    def by_lmtp(sender: str, name: str) -> None:
        host, _, port = secured.app.addresses.lmtp.rpartition(":")
        client = smtplib.LMTP(host, int(port))
        client.starttls(context=trusting())
        send(client, sender, name)

    await asyncio.to_thread(where_tls_comes_first, "victim@elsewhere.example", "alice@example.com")
    receipt = await secured.mail("alice@example.com", "Faxed to")
    assert receipt["Subject"].startswith("Faxed to +1 202-555-0190")

    rename(letter)
    await asyncio.to_thread(by_lmtp, "victim@elsewhere.example", "scanner")

    async def both() -> bool | None:
        return len([fax for fax in await secured.faxes() if fax.status is Status.COMPLETED]) == 2 or None

    await secured.until(both, "the second fax go out")
    assert not any("victim" in mail["To"] for mail in secured.mails())


async def test_a_login_spends_what_a_sender_may_whatever_it_writes_as_sender(
    secured: Secured, letter: EmailMessage
) -> None:
    administration = Administration(secured.app.store, secured.app.wake, secured.clock)
    await administration.change_faxbox(
        secured.account.id, secured.alice.id, lambda box: replace(box, sender_limits={"faxes": {"day": 1}})
    )
    assert (await secured.mailed("scanner", letter, HERE, "x@elsewhere.example")).startswith("250")
    rename(letter)
    other = HERE.replace("190@", "191@")
    late = await secured.mailed("scanner", letter, other, "y@elsewhere.example")
    assert late == "450 4.7.1 Each sender may send 1 fax a day; try again later."
    assert (await secured.mailed("alice@example.com", letter, other, "y@elsewhere.example")).startswith("250")
    async with secured.app.store.read() as connection:
        noted = await audit.page(connection, secured.account.id)
    assert [one.actor for one in noted if one.action == "sent"] == ["login alice@example.com", "login scanner"]


@pytest.mark.parametrize("trouble", ["missing", "text"])
async def test_a_gateway_with_a_bad_certificate_does_not_start_and_says_why(tmp_path: Path, trouble: str) -> None:
    certificate = tmp_path / "listener.pem"
    if trouble == "text":
        certificate.write_text("no certificate")
    settings = read(data_dir=tmp_path, smtp_listen="127.0.0.1:0", api_listen="127.0.0.1:0", smtp_tls_cert=certificate)
    with pytest.raises(BadSettingsError, match=r"FAXGATE_SMTP_TLS_CERT.*listener\.pem"):
        await App(settings, roles=["smtp"]).start()
