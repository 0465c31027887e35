"""A received fax that cannot be mailed: its recipient is told where it is kept, and at last the operator."""

from dataclasses import replace
from email.message import EmailMessage

import pytest

from gateway.accounts import Faxbox
from gateway.administration import Administration
from gateway.fax import Direction, Fax, Status
from gateway.store import notices
from gateway.store.notices import Notice
from tests.smtp.test_bounces import group, report
from tests.stories.conftest import House
from tests.stories.test_a_mail_comes_back import bring

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""

BOBS = "+12025550102"


@pytest.fixture
def bounce_domain() -> str:
    return "bounces.example.com"


async def told(house: House, fax: Fax, kind: str, state: str) -> Notice:
    async def found() -> Notice | None:
        async with house.app.store.read() as connection:
            known = await notices.of_fax(connection, fax.id)
        return next((one for one in known if (one.kind, one.state) == (kind, state)), None)

    return await house.until(found, f"the notice {kind} {state}")


async def mail_of(house: House, notice: Notice) -> EmailMessage:
    async def found() -> EmailMessage | None:
        return next((mail for mail in house.mails() if mail["X-Faxgate-Notice"] == notice.id), None)

    return await house.until(found, f"the mail {notice.id}")


def words(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())


async def test_it_comes_back(house: House, letter: EmailMessage) -> None:
    await house.send(letter, BOBS)
    fax = await house.fax(Status.RECEIVED, Direction.INBOUND)
    first = await told(house, fax, "inbound_fax", "sent")
    mail = await mail_of(house, first)
    assert [part.get_content_type() for part in mail.iter_attachments()] == ["application/pdf"]
    await bring(house, str(mail["Return-Path"]).strip("<>"), report(group()))

    second = await told(house, fax, "inbound_kept", "sent")
    assert second.recipient == "bob@example.com"
    mail = await mail_of(house, second)
    assert list(mail.iter_attachments()) == []
    assert f"/faxes/inbox/{fax.id}/attachment" in words(mail)
    await bring(house, str(mail["Return-Path"]).strip("<>"), report(group()))

    last = await told(house, fax, "inbound_stranded", "sent")
    mail = await mail_of(house, last)
    assert mail["To"] == house.app.settings.operator
    assert mail["Return-Path"] == "<>"
    assert fax.id in str(mail["Subject"])
    assert "bob@example.com: 550 5.1.1" in words(mail)
    assert last.account_id is None


async def test_it_is_refused_but_somebody_else_has_it(house: House, letter: EmailMessage) -> None:
    def with_two(box: Faxbox) -> Faxbox:
        return replace(box, inbound_email=("carol@example.com", "bob@example.com"))

    await Administration(house.app.store, house.app.wake, house.clock).change_faxbox(
        house.account.id, house.bob.id, with_two
    )
    await house.send(letter, BOBS)
    fax = await house.fax(Status.RECEIVED, Direction.INBOUND)
    async with house.app.store.read() as connection:
        to_bob, to_carol = sorted(await notices.of_fax(connection, fax.id), key=lambda one: one.recipient)
    for notice in (to_bob, to_carol):
        await mail_of(house, notice)
    await bring(house, str((await mail_of(house, to_bob))["Return-Path"]).strip("<>"), report(group()))
    second = await told(house, fax, "inbound_kept", "sent")
    await bring(house, str((await mail_of(house, second))["Return-Path"]).strip("<>"), report(group()))
    await told(house, fax, "inbound_kept", "bounced")
    async with house.app.store.read() as connection:
        known = await notices.of_fax(connection, fax.id)
    assert sorted((one.kind, one.recipient, one.state) for one in known) == [
        ("inbound_fax", "bob@example.com", "bounced"),
        ("inbound_fax", "carol@example.com", "sent"),
        ("inbound_kept", "bob@example.com", "bounced"),
    ]
