"""A caller who is not wanted: his fax is kept, nobody is disturbed, a digest tells of it in the morning."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import httpx

from gateway.administration import Administration
from gateway.fax import Direction, Fax, Status
from gateway.ids import new_id
from gateway.junk import last_due
from gateway.store import notices, tokens
from gateway.store.notices import Notice
from tests.stories.conftest import House

PARIS = ZoneInfo("Europe/Paris")


async def api(house: House, method: str, path: str, body: object = None) -> httpx.Response:
    token = new_id()
    async with house.app.store.begin() as connection:
        await tokens.add(connection, token, house.account.id, ["read", "send"], house.clock.now())
    async with httpx.AsyncClient(headers={"X-Auth-Token": token}, verify=False) as client:
        address = f"http://{house.app.addresses.api}/v2/accounts/{house.account.id}/faxes/{path}"
        return await client.request(method, address, json=body)


async def told(house: House, fax: Fax | None = None) -> list[Notice]:
    async with house.app.store.read() as connection:
        every = await notices.page(connection, house.account.id)
    return [one for one in every if one.recipient == "bob@example.com" and (fax is None or one.fax_id == fax.id)]


async def next_morning(house: House) -> None:
    """Until a moment after the next digest is due."""
    due = last_due(house.clock.now() + timedelta(days=1), PARIS)
    await house.later((due - house.clock.now()).total_seconds() + 1)


async def test_a_blocked_caller_is_told_of_in_the_morning_and_let_in(house: House, letter: EmailMessage) -> None:
    administration = Administration(house.app.store, house.app.wake, house.clock)
    await administration.change_faxbox(
        house.account.id, house.bob.id, lambda box: replace(box, blocked_callers=("+1202555*",))
    )
    await house.send(letter, "+12025550102")
    fax = await house.fax(Status.RECEIVED, Direction.INBOUND)
    assert (fax.junk, fax.pages) == ("The faxbox blocks +1202555*.", 2)
    await house.mail("alice@example.com", "Faxed to")  # its sender has got through, and knows nothing of it
    assert await told(house) == []

    assert (await api(house, "GET", "inbox")).json()["data"] == []
    assert (await api(house, "GET", f"inbox/{fax.id}")).status_code == 404
    assert [one["id"] for one in (await api(house, "GET", "junk")).json()["data"]] == [fax.id]
    shown = (await api(house, "GET", f"junk/{fax.id}")).json()["data"]
    assert (shown["junk"], shown["status"]) == ("The faxbox blocks +1202555*.", "received")
    assert (await api(house, "GET", f"junk/{fax.id}/attachment")).content.startswith(b"%PDF")

    await next_morning(house)
    digest = await house.mail("bob@example.com")
    assert digest["Subject"] == "1 unwanted fax for Bob"
    body = digest.get_body(("plain",))
    assert body is not None
    for words in (
        "+1 202-555-0101",
        "2 pages",
        "The faxbox blocks +1202555*.",
        f"https://fax.example.com/v2/accounts/{house.account.id}/faxes/junk/{fax.id}/attachment",
    ):
        assert words in body.get_content()
    for _ in range(2):  # never again
        await next_morning(house)
    await asyncio.sleep(0.1)
    assert [one.kind for one in await told(house)] == ["junk_digest"]

    wanted = [api(house, "PUT", f"junk/{fax.id}", {"action": "not_junk"}) for _ in range(3)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*wanted)) == [200, 404, 404]
    mail = await house.mail("bob@example.com", "Fax from +1 202-555-0101")
    assert [part.get_content_type() for part in mail.iter_attachments()] == ["application/pdf"]
    assert [one.kind for one in await told(house, fax)] == ["inbound_fax"]
    assert [one["id"] for one in (await api(house, "GET", "inbox")).json()["data"]] == [fax.id]
    assert (await api(house, "GET", "junk")).json()["data"] == []


def test_a_digest_is_due_at_seven_by_the_calendar_of_the_faxbox() -> None:
    for now, due in (
        ("2026-11-29T05:59:59", "2026-11-28T06:00:00"),
        ("2026-11-29T06:00:00", "2026-11-29T06:00:00"),
        ("2026-03-29T04:59:59", "2026-03-28T06:00:00"),  # a day of 23 hours
        ("2026-03-29T05:00:00", "2026-03-29T05:00:00"),
        ("2026-10-25T05:59:59", "2026-10-24T05:00:00"),  # of 25
    ):
        found = last_due(datetime.fromisoformat(now).replace(tzinfo=UTC), PARIS)
        assert found.astimezone(UTC) == datetime.fromisoformat(due).replace(tzinfo=UTC)
