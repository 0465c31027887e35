"""Digests of unwanted faxes: who gets one, when, of what, and once; and faxes that are taken out of junk."""

import asyncio
import email
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import policy

import pytest

from gateway.accounts import Account, Faxbox
from gateway.audit import Actor
from gateway.clock import Clock
from gateway.errors import NotFound
from gateway.fax import CallResult, Direction, Fax, Status
from gateway.ids import new_id
from gateway.junk import MOST_LISTED, Digests, Junk
from gateway.stationery import Templates
from gateway.store import accounts, audit, faxes, notices
from gateway.store.engine import Store
from gateway.store.notices import Notice
from gateway.store.wake import Wake

HALF_PAST_SEVEN = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
"""In New York, where the account is."""
RESULT = CallResult(success=True, answered=True, pages=2, result_code=0, remote_station_id="ACME CORP")


class StoppedClock(Clock):
    at = HALF_PAST_SEVEN

    def now(self) -> datetime:
        return self.at


@dataclass
class Office:
    store: Store
    clock: StoppedClock
    digests: Digests
    junk: Junk

    async def box(self, *inbound_email: str, zone: str = "", language: str = "en", shows: str = "picture") -> Faxbox:
        account = Account(
            id=new_id(), name="Office", created_at=HALF_PAST_SEVEN, timezone="America/New_York", language=language
        )
        box = Faxbox(
            id=new_id(),
            account_id=account.id,
            name="Front",
            created_at=HALF_PAST_SEVEN,
            timezone=zone,
            inbound_email=inbound_email,
            mail_shows=shows,
        )
        async with self.store.begin() as connection:
            await accounts.add_account(connection, account)
            await accounts.add_faxbox(connection, box)
        return box

    async def fax(self, box: Faxbox, ended_at: datetime | None = None, **changes: object) -> Fax:
        """An unwanted fax that has come in now."""
        at = ended_at or self.clock.at
        fax = Fax(
            id=new_id(),
            account_id=box.account_id,
            faxbox_id=box.id,
            direction=Direction.INBOUND,
            status=Status.RECEIVED,
            created_at=at,
            updated_at=at,
            ended_at=at,
            from_number="+12025550190",
            destination="+12025550101",
            pages=2,
            image_key="image",
            result=RESULT,
            junk="The faxbox blocks +1202*.",
        )
        fax = replace(fax, **changes)  # type: ignore[arg-type]
        async with self.store.begin() as connection:
            await connection.run_sync(faxes.add, [fax])
        return fax

    async def told(self, box: Faxbox) -> list[Notice]:
        async with self.store.read() as connection:
            return await notices.page(connection, box.account_id)


@pytest.fixture
def office(store: Store, wake: Wake) -> Office:
    clock = StoppedClock()
    digests = Digests(
        store=store,
        wake=wake,
        clock=clock,
        templates=Templates(),
        mail_from="faxgate@fax.example.com",
        hostname="fax.example.com",
    )
    return Office(store, clock, digests, Junk(store=store, wake=wake, clock=clock))


def read(notice: Notice) -> tuple[str, str]:
    """Subject, and the text in one line."""
    assert notice.message is not None
    mail = email.message_from_bytes(notice.message, policy=policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    return str(mail["Subject"]), " ".join(str(body.get_content()).split())


async def test_one_digest_a_day_however_many_gateways_there_are(office: Office) -> None:
    box = await office.box("a@example.com", "b@example.com", "A@example.com")
    first, second = await office.fax(box), await office.fax(box)
    await office.fax(box, junk="")
    await office.fax(box, status=Status.FAILED, pages=0)
    assert await office.digests.tell() == 0  # tomorrow's: today's was due before they came

    office.clock.at += timedelta(days=1)
    assert sum(await asyncio.gather(*(office.digests.tell() for _ in range(4)))) == 2
    told = await office.told(box)
    assert sorted((one.kind, one.recipient, one.fax_id) for one in told) == [
        ("junk_digest", "a@example.com", None),
        ("junk_digest", "b@example.com", None),
    ]
    subject, text = read(told[0])
    assert subject == "2 unwanted faxes for Front"
    assert text.count("+1 202-555-0190 (ACME CORP)") == 2
    assert text.count("29 November 2026, 07:30:00 EST") == 2
    assert first.id in text
    assert second.id in text

    # What was written down late, of a call that ended before, is tomorrow's.
    await office.fax(box, ended_at=HALF_PAST_SEVEN)
    assert await office.digests.tell() == 0
    office.clock.at += timedelta(days=1)
    assert await office.digests.tell() == 2
    assert read((await office.told(box))[0])[0] == "1 unwanted fax for Front"
    office.clock.at += timedelta(days=1)
    assert await office.digests.tell() == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_it_is_morning_where_the_faxbox_is(office: Office) -> None:
    tokyo, new_york = await office.box("t@example.com", zone="Asia/Tokyo"), await office.box("n@example.com")
    for box in (tokyo, new_york):
        await office.fax(box)
    due: dict[str, datetime] = {}
    for hour in range(48):
        office.clock.at = HALF_PAST_SEVEN + timedelta(hours=hour)
        await office.digests.tell()
        for box in (tokyo, new_york):
            if await office.told(box):
                due.setdefault(box.id, office.clock.at)
    # At seven of the 30th, at which hour this has looked half past.
    assert due == {tokyo.id: HALF_PAST_SEVEN + timedelta(hours=10), new_york.id: HALF_PAST_SEVEN + timedelta(hours=24)}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_box_that_shows_nothing_names_no_names(office: Office) -> None:
    box = await office.box("a@example.com", shows="nothing", language="de")
    await office.fax(box, from_number="", junk="The faxbox blocks callers without a number.")
    office.clock.at += timedelta(days=1)
    assert await office.digests.tell() == 1
    [notice] = await office.told(box)
    subject, text = read(notice)
    assert subject == "1 unerwünschtes Fax für Front"
    assert "Die Faxbox sperrt Anrufer ohne Rufnummer." in text
    assert "2 Seiten" in text
    assert "ACME" not in text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_flood_makes_a_short_mail(office: Office) -> None:
    box = await office.box("a@example.com")
    for _ in range(MOST_LISTED + 7):
        await office.fax(box)
    office.clock.at += timedelta(days=1)
    assert await office.digests.tell() == 1
    subject, text = read((await office.told(box))[0])
    assert subject == f"{MOST_LISTED + 7} unwanted faxes for Front"
    assert (text.count("+1 202-555-0190"), "And 7 more." in text) == (MOST_LISTED, True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_where_nobody_is_mailed_nobody_is_told(office: Office) -> None:
    box = await office.box()
    fax = await office.fax(box)
    office.clock.at += timedelta(days=1)
    assert await office.digests.tell() == 0
    assert await office.told(box) == []
    async with office.store.read() as connection:
        assert (await faxes.find(connection, fax.id)).junk_told_at is not None


async def test_a_fax_is_taken_out_once(office: Office) -> None:
    box = await office.box("a@example.com")
    fax = await office.fax(box)

    async def take() -> bool:
        try:
            await office.junk.take_out(box.account_id, fax.id, Actor("token"), lambda _: None)
        except NotFound:
            return False
        return True

    assert sum(await asyncio.gather(*(take() for _ in range(4)))) == 1
    assert [(one.kind, one.fax_id) for one in await office.told(box)] == [("inbound_fax", fax.id)]
    async with office.store.read() as connection:
        [entry] = await audit.page(connection, box.account_id)
    assert (entry.action, entry.actor, entry.object_id) == ("taken out of junk", "token", fax.id)
    office.clock.at += timedelta(days=1)
    assert await office.digests.tell() == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_is_not_junk_cannot_be_taken_out(office: Office) -> None:
    box, other = await office.box("a@example.com"), await office.box("b@example.com")
    for fax, account_id in (
        (await office.fax(box, junk=""), box.account_id),
        (await office.fax(box, status=Status.RECEIVING, ended_at=None), box.account_id),
        (await office.fax(box), other.account_id),
    ):
        with pytest.raises(NotFound):
            await office.junk.take_out(account_id, fax.id, Actor(), lambda _: None)
    assert await office.told(box) == []
