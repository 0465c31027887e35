"""The way of a fax out, from a mail program to a far fax machine and back to the sender's mailbox.

Read from the top, this is the manual: every part is real, and every test is something that happens to people.
"""

import smtplib
from email.message import EmailMessage

import pytest
from sqlalchemy import select

from gateway.administration import Administration
from gateway.audit import OPERATOR
from gateway.fax import Direction, Status
from gateway.outbound.cancel import cancel
from gateway.removal import Removal
from gateway.store import repeats
from gateway.store.tables import removed_repeat
from tests.stories.conftest import BUSY, FAX_MACHINE, House


async def test_a_clerk_mails_a_pdf_and_it_is_faxed(house: House, letter: EmailMessage) -> None:
    await house.send(letter, FAX_MACHINE)

    fax = await house.fax(Status.COMPLETED)
    assert fax.destination == FAX_MACHINE
    assert fax.pages == 2
    assert fax.result is not None
    assert fax.result.success
    assert fax.result.pages == 2
    assert fax.result.rate == 14400
    assert fax.result.ecm
    assert fax.result.result_code == 0
    assert fax.result.hangup_cause == "NORMAL_CLEARING"

    receipt = await house.mail("alice@example.com")
    assert receipt["Subject"] == "Faxed to +1 202-555-0190: The minutes"
    assert receipt["In-Reply-To"] == "<minutes@example.com>"

    [entry] = await house.smtplog()
    assert entry.accepted
    assert entry.reply.startswith("250 2.0.0 ")
    assert entry.sender == "alice@example.com"
    assert entry.authentication == "trusted network"
    assert entry.fax_ids == [fax.id]
    assert entry.faxbox_id == house.alice.id
    [recipient] = entry.recipients
    assert (recipient.number, recipient.destination, recipient.fax_id) == (FAX_MACHINE, FAX_MACHINE, fax.id)
    [attachment] = entry.attachments
    assert (attachment.name, attachment.outcome) == ("minutes.pdf", "faxed")

    [call] = await house.calls(fax)
    assert call.outcome == "completed"
    assert call.from_number == "+12025550101"

    async def noted() -> bool | None:
        return True if len(await house.audit()) == 2 else None

    await house.until(noted, "the audit log to have it")
    sent, told = await house.audit()
    assert (sent.action, sent.actor, sent.peer) == ("sent", "alice@example.com", "127.0.0.1")
    assert sent.facts == {"destination": FAX_MACHINE, "via": "smtp"}
    assert (told.action, told.actor, told.facts["recipient"]) == ("told", "", "alice@example.com")
    assert sent.object_id == told.object_id == fax.id


async def test_a_number_is_dialled_as_people_write_it(house: House, letter: EmailMessage) -> None:
    await house.send(letter, '"(202) 555-0190"')
    fax = await house.fax(Status.COMPLETED)
    assert (fax.to_number, fax.destination) == ("(202) 555-0190", FAX_MACHINE)


async def test_a_busy_line_is_tried_again_and_answers(house: House, letter: EmailMessage) -> None:
    house.line.script = [BUSY, FAX_MACHINE]
    await house.send(letter, FAX_MACHINE)

    async def first_try_over() -> bool | None:
        [fax] = await house.faxes()
        return True if fax.status is Status.PENDING and fax.tries == 1 else None

    await house.until(first_try_over, "the busy line")
    [fax] = await house.faxes()
    assert fax.error == "The line was busy."
    assert house.mails() == []  # nothing to tell yet

    await house.later(seconds=179)
    assert (await house.faxes())[0].status is Status.PENDING
    await house.later(seconds=1)
    fax = await house.fax(Status.COMPLETED)
    assert [call.outcome for call in await house.calls(fax)] == ["failed", "completed"]
    assert (await house.mail("alice@example.com"))["Subject"].startswith("Faxed to")


async def test_a_line_that_stays_busy_is_given_up_and_the_sender_is_told(house: House, letter: EmailMessage) -> None:
    await house.send(letter, BUSY)
    for tries in range(1, 4):

        async def over(tries: int = tries) -> bool | None:
            return True if [fax.tries for fax in await house.faxes()] == [tries] else None

        await house.until(over, f"try {tries}")
        await house.later(seconds=180)
    fax = await house.fax(Status.FAILED)
    assert fax.attempts == 4  # 1 + 3 retries, the default by mail
    assert fax.result is not None
    assert (fax.result.cause, fax.result.hangup_cause) == (17, "USER_BUSY")
    notice = await house.mail("alice@example.com")
    assert notice["Subject"] == "NOT faxed to +1 202-555-0191: The minutes"
    body = notice.get_body(("plain",))
    assert body is not None
    assert "The line was busy." in body.get_content()


async def test_a_number_that_does_not_exist_is_not_tried_again(house: House, letter: EmailMessage) -> None:
    await house.send(letter, "+12025550194")
    fax = await house.fax(Status.FAILED)
    assert fax.attempts == 1
    assert "not in service" in fax.error


@pytest.mark.parametrize("lines_url", ["loopback://?pace=realtime"], indirect=True)
async def test_a_live_call_is_cancelled_by_hanging_up(house: House, letter: EmailMessage) -> None:
    await house.send(letter, FAX_MACHINE)

    async def answered() -> bool | None:
        [fax] = await house.faxes()
        return True if fax.progress is not None and fax.progress.stage == "answered" else None

    await house.until(answered, "the call to be answered")
    [fax] = await house.faxes()
    await cancel(house.app.store, house.app.wake, house.clock, house.account.id, fax.id, OPERATOR)
    fax = await house.fax(Status.CANCELLED)
    [call] = await house.calls(fax)
    assert call.outcome == "cancelled"
    assert (await house.mail("alice@example.com"))["Subject"] == "Fax to +1 202-555-0190 cancelled: The minutes"


async def test_a_mail_to_two_numbers_becomes_two_faxes(house: House, letter: EmailMessage) -> None:
    await house.send(letter, FAX_MACHINE, "+12025550102")

    async def both() -> bool | None:
        return True if [fax.status for fax in await house.faxes()] == [Status.COMPLETED] * 2 else None

    await house.until(both, "two completed faxes")
    first, second = await house.faxes()
    assert {first.destination, second.destination} == {FAX_MACHINE, "+12025550102"}
    assert first.submission_id == second.submission_id
    [entry] = await house.smtplog()
    assert sorted(entry.fax_ids) == [first.id, second.id]


async def test_the_same_mail_sent_twice_is_faxed_once(house: House, letter: EmailMessage) -> None:
    await house.send(letter, FAX_MACHINE)
    await house.send(letter, FAX_MACHINE)  # a client that lost our 250
    fax = await house.fax(Status.COMPLETED)
    assert len(await house.faxes()) == 1
    again, first = await house.smtplog()
    assert first.fax_ids == [fax.id]
    assert again.accepted
    assert again.fax_ids == []
    assert again.errors == [f"repeat of fax {fax.id} to {FAX_MACHINE}: no new fax"]


async def test_the_same_mail_is_faxed_once_though_its_fax_was_removed_meanwhile(
    house: House, letter: EmailMessage
) -> None:
    """Programs remove a fax as soon as it is completed; a client may send again much later."""
    await house.send(letter, FAX_MACHINE)
    fax = await house.fax(Status.COMPLETED)
    removal = Removal(store=house.app.store, documents=house.app.documents, clock=house.clock)
    await removal.remove(house.account.id, fax.id, Direction.OUTBOUND, OPERATOR, lambda _: None)
    await house.send(letter, FAX_MACHINE)
    assert await house.faxes() == []
    assert (await house.smtplog())[0].errors == [f"repeat of fax {fax.id} to {FAX_MACHINE}: no new fax"]
    await house.later(24 * 3600 + 1)
    async with house.app.store.begin() as connection:
        await connection.run_sync(repeats.prune, house.clock.now())
        kept = (await connection.execute(select(removed_repeat.c.id))).first()
    assert kept is None
    await house.send(letter, FAX_MACHINE)
    assert len(await house.faxes()) == 1


async def test_a_mail_whose_fax_failed_may_be_sent_again(house: House, letter: EmailMessage) -> None:
    house.line.script = ["+12025550194", FAX_MACHINE]
    await house.send(letter, FAX_MACHINE)
    await house.fax(Status.FAILED)
    await house.send(letter, FAX_MACHINE)
    await house.fax(Status.COMPLETED)
    assert len(await house.faxes()) == 2


async def test_a_stranger_is_refused_in_the_session_and_never_mailed(house: House, letter: EmailMessage) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        await house.send(letter, FAX_MACHINE, sender="mallory@example.org")
    [(code, text)] = refused.value.recipients.values()
    assert code == 550
    assert text.startswith(b"5.7.1 ")
    assert await house.faxes() == []
    [entry] = await house.smtplog()
    assert not entry.accepted
    assert entry.recipients[0].reply.startswith("550 5.7.1 ")
    assert house.mails() == []


async def test_a_forgotten_attachment_faxes_nothing(house: House) -> None:
    mail = EmailMessage()
    mail["Subject"] = "The minutes"
    mail.set_content("Please find the minutes attached.")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        await house.send(mail, FAX_MACHINE)
    assert refused.value.smtp_code == 554
    assert isinstance(refused.value.smtp_error, bytes)
    assert refused.value.smtp_error.startswith(b"5.6.1 ")
    assert await house.faxes() == []
    [entry] = await house.smtplog()
    assert entry.reply.startswith("554 5.6.1 ")


async def test_a_cut_off_call_is_repeated_whole(house: House, letter: EmailMessage) -> None:
    house.line.script = ["+12025550196", FAX_MACHINE]  # hangs up after the first page
    await house.send(letter, FAX_MACHINE)

    async def cut_off() -> bool | None:
        return True if [fax.tries for fax in await house.faxes()] == [1] else None

    await house.until(cut_off, "the first call to be cut off")
    await house.later(seconds=60)
    fax = await house.fax(Status.COMPLETED)
    first, second = await house.calls(fax)
    assert first.result is not None
    assert second.result is not None
    assert (first.result.success, first.result.pages) == (False, 1)
    assert (second.result.success, second.result.pages) == (True, 2)


async def test_postmaster_is_a_person(house: House) -> None:
    mail = EmailMessage()
    mail["From"] = "postmaster@elsewhere.example"
    mail["To"] = "postmaster@fax.example.com"
    mail["Subject"] = "A question"
    mail.set_content("Do you read this?")
    await house.send(mail, "postmaster", sender="postmaster@elsewhere.example")
    passed_on = await house.mail("postmaster@fax.example.com")
    assert passed_on["Subject"] == "A question"
    assert passed_on["Delivered-To"] == house.app.settings.operator


async def test_nobody_calls_under_a_number_that_is_somebody_elses_now(house: House, letter: EmailMessage) -> None:
    house.line.script = ["+12025550191"]  # busy: time to lose the number before the second call
    await house.send(letter, "+12025550190")

    async def first_try_over() -> bool | None:
        [fax] = await house.faxes()
        return True if fax.status is Status.PENDING and fax.tries == 1 else None

    await house.until(first_try_over, "the busy line")
    administration = Administration(house.app.store, house.app.wake, house.clock)
    await administration.release_number(house.account.id, "+12025550101", lambda _: None)
    other, _ = await administration.add_account("Other")
    await administration.add_number(other.id, "+12025550101")
    await house.later(seconds=180)
    calls = await house.calls(await house.fax(Status.COMPLETED))
    assert [call.from_number for call in calls] == ["+12025550101", ""]
