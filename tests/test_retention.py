"""What an account keeps for so many days: gone when they have passed, and nothing else."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway import retention
from gateway.accounts import Account, Faxbox
from gateway.administration import Administration
from gateway.audit import OPERATOR
from gateway.errors import OurTrouble
from gateway.fax import Direction, Fax, Status
from gateway.housekeeping import keep_house
from gateway.ids import new_id
from gateway.ports import NewDocument
from gateway.removal import Removal
from gateway.smtplog import SmtplogEntry
from gateway.storage import FileDocuments, key_for
from gateway.store import accounts, audit, faxes, notices, smtplog, tables
from gateway.store.engine import Store
from gateway.store.notices import PENDING, SENT
from gateway.store.wake import Wake
from tests.conftest import MovedClock
from tests.store.conftest import Seed

DAYS = 30
OLD, YOUNG = timedelta(days=DAYS + 1), timedelta(days=DAYS - 1)


@pytest.fixture
def seed(store: Store, clock: MovedClock) -> Seed:
    return Seed(store, clock)


@pytest.fixture
def removal(store: Store, clock: MovedClock, tmp_path: Path) -> Removal:
    return Removal(store=store, documents=FileDocuments(tmp_path / "documents"), clock=clock)


async def keeping(store: Store, account: Account, days: int | None = DAYS) -> Account:
    async with store.begin() as connection:
        await accounts.change_account(connection, account, kept := replace(account, keep_days=days))
    return kept


async def ended(removal: Removal, seed: Seed, account: Account, ago: timedelta, **fields: object) -> Fax:
    """A fax that ended so long ago, with its document."""
    then = removal.clock.now() - ago
    key = key_for(new_id(), "application/pdf", then)
    await removal.documents.put([NewDocument(key, b"%PDF-")])
    given: Any = {"status": Status.COMPLETED, "due_at": None, "ended_at": then, "pdf_key": key, **fields}
    fax = await seed.fax(account, **given)
    async with removal.store.begin() as connection:
        await connection.execute(tables.fax.update().where(tables.fax.c.id == fax.id).values(created_at=then))
    return fax


async def left(removal: Removal) -> set[str]:
    async with removal.store.read() as connection:
        return set((await connection.execute(select(tables.fax.c.id))).scalars())


async def test_what_has_been_kept_for_long_enough_goes_with_its_document(removal: Removal, seed: Seed) -> None:
    account = await keeping(removal.store, await seed.account())
    old = await ended(removal, seed, account, OLD)
    received = await ended(removal, seed, account, OLD, direction=Direction.INBOUND, status=Status.RECEIVED)
    young = await ended(removal, seed, account, YOUNG)
    waiting = await seed.fax(account)
    assert await retention.expire(removal) == 2
    assert await left(removal) == {young.id, waiting.id}
    assert [key async for key, _ in removal.documents.stored(datetime(2000, 1, 1, tzinfo=UTC))] == [young.pdf_key]
    assert (await removal.documents.open(young.pdf_key)).exists()
    async with removal.store.read() as connection:
        noted = await audit.page(connection, account.id)
    assert {(one.object_id, one.actor, one.action) for one in noted} == {
        (old.id, "", "removed"),
        (received.id, "", "removed"),
    }


async def test_who_has_not_said_so_keeps_everything(removal: Removal, seed: Seed) -> None:
    fax = await ended(removal, seed, await seed.account(), timedelta(days=5000))
    assert await retention.expire(removal) == 0
    assert await left(removal) == {fax.id}


async def test_an_account_s_days_are_its_own(removal: Removal, seed: Seed) -> None:
    await keeping(removal.store, await seed.account())
    other = await keeping(removal.store, await seed.account(), days=365)
    fax = await ended(removal, seed, other, OLD)
    assert await retention.expire(removal) == 0
    assert await left(removal) == {fax.id}


async def test_a_fax_of_which_somebody_is_still_to_be_told_stays(removal: Removal, seed: Seed) -> None:
    account = await keeping(removal.store, await seed.account())
    fax = await ended(removal, seed, account, OLD, direction=Direction.INBOUND, status=Status.RECEIVED)
    now = removal.clock.now()
    notice = notices.new(notices.INBOUND_FAX, "a@example.com", now, account_id=account.id, fax_id=fax.id)
    async with removal.store.begin() as connection:
        await connection.run_sync(notices.add, [notice])
    assert notice.state == PENDING
    assert await retention.expire(removal) == 0
    async with removal.store.begin() as connection:
        await connection.execute(tables.notice.update().values(state=SENT))
    assert await retention.expire(removal) == 1
    assert await left(removal) == set()


async def test_a_mail_is_forgotten_when_it_has_no_fax_any_more(removal: Removal, seed: Seed) -> None:
    account = await keeping(removal.store, await seed.account())
    then = removal.clock.now() - OLD
    mail, kept, refused = (
        SmtplogEntry(id=new_id(), received_at=at, account_id=account.id, sender="a@example.com")
        for at in (then, then, removal.clock.now())
    )
    async with removal.store.begin() as connection:
        await connection.run_sync(smtplog.add, [mail, kept, refused])
    await ended(removal, seed, account, OLD, submission_id=mail.id)
    # Sent on a day much later than it was mailed.
    await ended(removal, seed, account, YOUNG, submission_id=kept.id)
    await retention.expire(removal)
    async with removal.store.read() as connection:
        assert {entry.id for entry in await smtplog.page(connection, account.id)} == {kept.id, refused.id}


async def test_many_faxes_go_in_the_turns_that_follow(
    removal: Removal, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(retention, "MOST_A_TURN", 3)
    account = await keeping(removal.store, await seed.account())
    for _ in range(5):
        await ended(removal, seed, account, OLD)
    assert [await retention.expire(removal) for _ in range(3)] == [3, 2, 0]


async def test_a_fax_whose_document_is_needed_does_not_hold_up_the_others(
    removal: Removal, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 1)
    account = await keeping(removal.store, await seed.account())
    shared = new_id()
    needed = await ended(removal, seed, account, OLD, submission_id=shared)
    sibling = await seed.fax(account, status=Status.ATTACHING_FILES, submission_id=shared)
    await ended(removal, seed, account, OLD)
    assert await retention.expire(removal) == 1
    assert await left(removal) == {needed.id, sibling.id}


async def test_the_operator_names_a_time(removal: Removal, seed: Seed) -> None:
    account = await seed.account()
    await ended(removal, seed, account, OLD)
    young = await ended(removal, seed, account, YOUNG)
    other = await ended(removal, seed, await seed.account(), OLD)
    before = removal.clock.now() - timedelta(days=DAYS)
    assert await retention.purge(removal, account.id, before, actor=OPERATOR) == 1
    assert await left(removal) == {young.id, other.id}
    async with removal.store.read() as connection:
        assert [one.actor for one in await audit.page(connection, account.id)] == ["operator"]


async def test_a_fax_is_found_only_once_it_has_ended(removal: Removal, seed: Seed) -> None:
    account = await keeping(removal.store, await seed.account())
    late = await ended(removal, seed, account, OLD, status=Status.PENDING, ended_at=None)
    assert await retention.expire(removal) == 0
    async with removal.store.read() as connection:
        assert (await faxes.find(connection, late.id)).status is Status.PENDING


class Broken(FileDocuments):
    """A store that cannot remove some of its documents."""

    def __init__(self, folder: Path, keys: tuple[str, ...]) -> None:
        super().__init__(folder)
        self._keys = keys

    async def delete(self, keys: Sequence[str]) -> None:
        if set(keys) & set(self._keys):
            raise OurTrouble("The documents cannot be removed right now.")
        await super().delete(keys)


async def test_notices_of_no_fax_go_too(removal: Removal, seed: Seed) -> None:
    account = await keeping(removal.store, await seed.account())
    now = removal.clock.now()
    old, waiting, young = (
        notices.new(notices.JUNK_DIGEST, "a@example.com", now - ago, account_id=account.id) for ago in (OLD, OLD, YOUNG)
    )
    gone = replace(old, state=SENT, ended_at=now - OLD)
    async with removal.store.begin() as connection:
        await connection.run_sync(notices.add, [gone, waiting, replace(young, state=SENT, ended_at=now - YOUNG)])
    await retention.expire(removal)
    async with removal.store.read() as connection:
        kept = set((await connection.execute(select(tables.notice.c.id))).scalars())
    assert kept == {waiting.id, young.id}


async def test_keeping_house_goes_on_after_trouble(
    removal: Removal, seed: Seed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    account = await keeping(removal.store, await seed.account())
    stuck = await ended(removal, seed, account, OLD)
    broken = Broken(tmp_path / "documents", (stuck.pdf_key,))
    orphan = key_for(new_id(), "application/pdf", removal.clock.now())
    await broken.put([NewDocument(orphan, b"%PDF-")])
    removal.clock.advance(timedelta(days=2))  # type: ignore[attr-defined]  # the tests' clock
    spool = tmp_path / "spool"
    spool.mkdir()
    keeper = asyncio.create_task(keep_house(removal.store, broken, removal.clock, spool))
    async with asyncio.timeout(10):
        while (tmp_path / "documents" / orphan).exists():  # noqa: ASYNC110  # the disk has no event for it
            await asyncio.sleep(0.02)
    keeper.cancel()
    await asyncio.wait([keeper])
    assert "cannot be removed right now" in caplog.text


async def in_a_box(removal: Removal, account: Account) -> str:
    box = Faxbox(id=new_id(), account_id=account.id, name="Front", created_at=removal.clock.now())
    async with removal.store.begin() as connection:
        await accounts.add_faxbox(connection, box)
    return box.id


async def test_junk_stays_until_a_digest_has_told_of_it_and_from_then_on(removal: Removal, seed: Seed) -> None:
    account = await keeping(removal.store, await seed.account())
    box, now = await in_a_box(removal, account), removal.clock.now()
    junk: Any = {"direction": Direction.INBOUND, "status": Status.RECEIVED, "junk": "blocked", "faxbox_id": box}
    untold = await ended(removal, seed, account, OLD, **junk)
    lately = await ended(removal, seed, account, OLD, **junk, junk_told_at=now - YOUNG)
    await ended(removal, seed, account, OLD, **junk, junk_told_at=now - OLD)
    await ended(removal, seed, account, OLD, **(junk | {"status": Status.FAILED}))  # there is nothing to tell
    await ended(removal, seed, account, OLD, **(junk | {"faxbox_id": new_id()}))  # its faxbox has gone
    digest = notices.new(notices.JUNK_DIGEST, "a@example.com", now, account_id=account.id)
    async with removal.store.begin() as connection:
        await connection.run_sync(notices.add, [digest])
    assert await retention.expire(removal) == 1  # the one of which there is nothing to tell
    async with removal.store.begin() as connection:
        await connection.execute(tables.notice.update().values(state=SENT, ended_at=now))
    assert await retention.expire(removal) == 2
    assert await left(removal) == {untold.id, lately.id}


async def test_what_a_deleted_account_has_left_goes_in_a_month(removal: Removal, seed: Seed) -> None:
    account, other = await seed.account(), await seed.account()
    await ended(removal, seed, account, YOUNG)
    kept = await ended(removal, seed, other, OLD)
    wake = Wake(f"sqlite:///{removal.documents._folder.parent}/none.db")  # type: ignore[attr-defined]
    await Administration(removal.store, wake, removal.clock).delete_account(account.id, lambda _: None)
    assert await retention.clear_unowned(removal) == 0
    removal.clock.advance(retention.KEPT_OF_DELETED + timedelta(hours=1))  # type: ignore[attr-defined]
    assert await retention.clear_unowned(removal) == 1
    assert await left(removal) == {kept.id}


async def test_mails_for_nobody_are_forgotten_in_a_season(removal: Removal, seed: Seed) -> None:
    now, season = removal.clock.now(), retention.KEPT_OF_NOBODY
    old, young = (
        SmtplogEntry(id=new_id(), received_at=now - season + by, sender="x@evil.example")
        for by in (-timedelta(hours=1), timedelta(hours=1))
    )
    told, waiting = (
        notices.new(notices.OPERATOR_ALERT, "op@example.com", now - season - timedelta(hours=1)) for _ in range(2)
    )
    async with removal.store.begin() as connection:
        await connection.run_sync(smtplog.add, [old, young])
        await connection.run_sync(notices.add, [replace(told, state=SENT, ended_at=told.created_at), waiting])
    await retention.clear_unowned(removal)
    async with removal.store.read() as connection:
        assert [entry.id for entry in await smtplog.page(connection, None)] == [young.id]
        assert list((await connection.execute(select(tables.notice.c.id))).scalars()) == [waiting.id]
