"""Limits and rules of numbers, from the mail or the request to the reply, the smtplog and the operator's mail."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from gateway.accounts import Faxbox
from gateway.administration import Administration
from gateway.fax import Status
from gateway.operator_mail import MOST_AN_HOUR
from gateway.store import notices, tokens
from gateway.store.notices import OPERATOR_MAIL
from gateway.store.tables import notice
from tests.documents import papers
from tests.origin import Origin
from tests.stories.conftest import FAX_MACHINE, House

PREMIUM = "+19005551234"


async def limit(house: House, **fields: object) -> None:
    """Set these of Alice's faxbox."""

    def decide(box: Faxbox) -> Faxbox:
        return replace(box, **fields)  # type: ignore[arg-type]

    administration = Administration(house.app.store, house.app.wake, house.clock)
    await administration.change_faxbox(house.account.id, house.alice.id, decide)


def again(letter: EmailMessage, number: int) -> EmailMessage:
    """Another mail of the same document."""
    del letter["Message-ID"]
    letter["Message-ID"] = f"<{number}@example.com>"
    return letter


async def refusal(house: House, letter: EmailMessage, *to: str) -> tuple[int, str]:
    with pytest.raises((smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused)) as caught:
        await house.send(letter, *to)
    error = caught.value
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        [(code, text)] = error.recipients.values()
    else:
        assert isinstance(error, smtplib.SMTPDataError)
        code, answer = error.smtp_code, error.smtp_error
        text = answer if isinstance(answer, bytes) else answer.encode()
    return code, text.decode()


async def test_what_goes_beyond_a_limit_is_told_in_the_session(house: House, letter: EmailMessage) -> None:
    await limit(house, limits={"faxes": {"hour": 1}})
    await house.send(letter, FAX_MACHINE)
    await house.send(letter, FAX_MACHINE)  # a repeat spends nothing, and is taken
    late = await refusal(house, again(letter, 2), FAX_MACHINE)
    assert late == (450, "4.7.1 The faxbox may send 1 fax an hour; try again later.")
    never = await refusal(house, again(letter, 3), FAX_MACHINE, "+12025550191")
    assert never == (550, "5.7.1 The faxbox may send 1 fax an hour; this is more at once.")
    assert len(await house.faxes()) == 1
    entries = {entry.message_id: entry for entry in await house.smtplog()}
    assert (entries["<2@example.com>"].accepted, entries["<2@example.com>"].fax_ids) == (False, [])
    assert entries["<2@example.com>"].reply.startswith("450 4.7.1")
    told = await house.mail("postmaster@localhost", "Limit reached: faxbox Alice")
    body = told.get_body(("plain",))
    assert body
    assert house.alice.id in body.get_content()
    await house.later(3600)
    await house.send(again(letter, 2), FAX_MACHINE)
    assert len(await house.faxes()) == 2
    assert len([mail for mail in house.mails() if mail["Subject"].startswith("Limit")]) == 1


async def test_a_limit_that_is_spent_is_told_before_the_mail_is_sent(house: House, letter: EmailMessage) -> None:
    await limit(house, limits={"faxes": {"hour": 1}})
    await house.send(letter, FAX_MACHINE)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        await house.send(again(letter, 2), "+12025550198")
    assert [*caught.value.recipients.values()] == [(450, b"4.7.1 The faxbox may send 1 fax an hour; try again later.")]
    await house.mail("postmaster@localhost", "Limit reached: faxbox Alice")
    await house.later(3600)
    await house.send(again(letter, 2), "+12025550198")


async def test_what_is_refused_is_not_passed_on_to_postmaster_either(house: House, letter: EmailMessage) -> None:
    """Its sender sends all of it again, and the operator would have it each time."""
    await limit(house, limits={"faxes": {"hour": 1}})
    await house.send(letter, FAX_MACHINE)
    assert (await refusal(house, again(letter, 2), "postmaster", FAX_MACHINE))[0] == 450
    query = select(notice.c.id).where(notice.c.kind == OPERATOR_MAIL)
    async with house.app.store.read() as connection:
        assert (await connection.execute(query)).first() is None


async def test_nobody_fills_the_mailbox_of_the_operator(house: House, letter: EmailMessage) -> None:
    had = [
        replace(notices.new(OPERATOR_MAIL, "postmaster@localhost", house.clock.now()), state=notices.SENT)
        for _ in range(MOST_AN_HOUR - 1)
    ]
    async with house.app.store.begin() as connection:
        await connection.run_sync(notices.add, had)
    await house.send(letter, "postmaster")
    late = await refusal(house, letter, "postmaster")
    assert late == (450, "4.7.1 Postmaster has had too many mails within an hour; try again later.")
    await house.send(letter, "postmaster", FAX_MACHINE)  # from somebody who may fax, and is no stranger
    assert len(await house.faxes()) == 1
    await house.later(3600)
    await house.send(letter, "postmaster")


async def test_a_number_that_is_not_allowed_is_refused_at_rcpt(house: House, letter: EmailMessage) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        await house.send(letter, PREMIUM)
    refused = f"5.7.1 Faxes to {PREMIUM} are not allowed here: it is a premium number."
    assert [*caught.value.recipients.values()] == [(550, refused.encode())]
    await limit(house, number_rules={"allow": ("premium",)})
    assert (await refusal(house, letter, PREMIUM))[0] == 550  # the account denies it
    administration = Administration(house.app.store, house.app.wake, house.clock)
    await administration.change_account(
        house.account.id, lambda account: replace(account, number_rules={"allow": ("premium",)})
    )
    await house.send(letter, PREMIUM)


async def test_a_mail_through_a_faxbox_that_is_deleted_meanwhile_is_not_taken(
    house: House, letter: EmailMessage
) -> None:
    administration = Administration(house.app.store, house.app.wake, house.clock)
    host, _, port = house.app.addresses.smtp.rpartition(":")
    session = await asyncio.to_thread(smtplib.SMTP, host, int(port), timeout=30)
    with session:
        for command in ("EHLO x", "MAIL FROM:<alice@example.com>", f"RCPT TO:<{FAX_MACHINE}@fax.example.com>"):
            assert (await asyncio.to_thread(session.docmd, command))[0] == 250
        await administration.delete_faxbox(house.account.id, house.alice.id, lambda _: None)
        code, text = await asyncio.to_thread(session.data, letter.as_bytes(policy=SMTP))
        await asyncio.to_thread(session.quit)
    assert (code, text) == (451, b"4.3.0 The faxbox or its account has been deleted just now; send it again.")
    assert await house.faxes() == []
    [entry] = await house.smtplog()
    assert (entry.accepted, entry.fax_ids) == (False, [])


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.app.store.begin() as connection:
        await tokens.add(connection, "t" * 32, house.account.id, ["read", "send"], house.clock.now())
    base = f"http://{house.app.addresses.api}/v2/accounts/{house.account.id}"
    async with httpx.AsyncClient(base_url=base, headers={"X-Auth-Token": "t" * 32}, timeout=30, verify=False) as client:
        yield client


def order(house: House, number: str = FAX_MACHINE, **fields: object) -> dict[str, Any]:
    return {"data": {"to_number": number, "from_number": house.alice.numbers[0], **fields}}


async def test_the_same_for_programs(house: House, client: httpx.AsyncClient) -> None:
    async with Origin(document=papers.letter(pages=2)).served() as origin:
        url = f"{origin.url}/fax.pdf"
        wanted = order(house, document={"url": url})
        denied = await client.put("/faxes", json=order(house, PREMIUM, document={"url": url}))
        assert (denied.status_code, denied.json()["message"]) == (403, "not_permitted")
        await limit(house, limits={"faxes": {"hour": 1}})
        assert (await client.put("/faxes", json=wanted)).status_code == 202
        named = {"Idempotency-Key": "mine"}
        late = await client.put("/faxes", json=wanted, headers=named)
        assert (late.status_code, late.json()["message"]) == (429, "over_limit")
        assert 0 < int(late.headers["retry-after"]) <= 3600
        await house.later(3600)
        taken = await client.put("/faxes", json=wanted, headers=named)  # its name was given back
        assert taken.status_code == 202
        repeated = await client.put("/faxes", json=wanted, headers=named)
        assert repeated.json()["data"]["id"] == taken.json()["data"]["id"]


async def test_of_requests_of_one_name_at_once_each_is_told_of_the_limit(
    house: House, client: httpx.AsyncClient
) -> None:
    await limit(house, limits={"faxes": {"hour": 0}})
    wanted = order(house, document={"url": "http://127.0.0.1:1/fax.pdf"})
    named = {"Idempotency-Key": "mine"}
    answers = await asyncio.gather(*(client.put("/faxes", json=wanted, headers=named) for _ in range(8)))
    assert {(answer.status_code, answer.json()["message"]) for answer in answers} == {(403, "not_permitted")}


async def test_a_preview_says_that_the_fax_would_be_refused(house: House, client: httpx.AsyncClient) -> None:
    async with Origin(document=papers.letter(pages=2)).served() as origin:
        document: dict[str, Any] = {"document": {"url": f"{origin.url}/fax.pdf"}, "dry_run": True}
        denied = await client.put("/faxes", json=order(house, PREMIUM, **document))
        assert (denied.status_code, denied.json()["message"]) == (403, "not_permitted")
        assert (await client.put("/faxes", json=order(house, **document))).status_code == 200
        await limit(house, limits={"pages": {"day": 1}})
        late = await client.put("/faxes", json=order(house, **document))
        assert (late.status_code, late.json()["data"]["message"]) == (
            403,
            "The faxbox may send 1 page a day; this is more at once.",
        )
    assert await house.faxes() == []


async def test_pages_that_are_known_late_count_all_the_same(house: House, client: httpx.AsyncClient) -> None:
    await limit(house, limits={"pages": {"day": 1}})
    async with Origin(document=papers.letter(pages=2)).served() as origin:
        wanted = order(house, document={"url": f"{origin.url}/fax.pdf"})
        assert (await client.put("/faxes", json=wanted)).status_code == 202
        fax = await house.fax(Status.FAILED)
    assert fax.error == "The faxbox may send 1 page a day; this is more at once."
    assert await house.calls(fax) == []
