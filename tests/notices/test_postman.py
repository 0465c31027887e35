"""Between the answer of the relay and our database no notice is lost, and none is told twice but for a crash."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP
from sqlalchemy import select, text

from gateway import postman
from gateway.callbacks import HttpCallbacks
from gateway.enclosures import Enclosures
from gateway.mail import mailer_from_url
from gateway.postman import GIVE_UP_AFTER, PAUSES, Postman
from gateway.sandbox import Sandbox
from gateway.storage import documents_from_url
from gateway.store import notices, tables
from gateway.store.engine import Store
from gateway.store.notices import FAILED, PENDING, SENT, Notice
from gateway.store.wake import NOTICES, Wake
from tests.conftest import MovedClock
from tests.mail.relay import Sink, Slow, relay
from tests.store.conftest import Seed

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""

LEASE = timedelta(seconds=0.4)
LONGER = LEASE.total_seconds() * 2
MESSAGE = b"From: faxgate@fax.example.com\r\nTo: alice@example.com\r\nSubject: hi\r\n\r\nhello\r\n"


@pytest.fixture
def seed(store: Store, clock: MovedClock) -> Seed:
    return Seed(store, clock)


@dataclass
class Office:
    """A postman at work, and the relay that he brings mails to."""

    store: Store
    sink: Sink
    wake: Wake
    clock: MovedClock
    running: "asyncio.Task[None]"
    postman: Postman

    async def tell(self, *, fax_id: str | None = None, kind: str = notices.OPERATOR_MAIL, days: int = 0) -> Notice:
        """Give him a mail that was written `days` ago."""
        then = self.clock.now() - timedelta(days=days)
        notice = notices.new(kind, "alice@example.com", then, fax_id=fax_id, message=MESSAGE)
        async with self.store.begin() as connection:
            await connection.run_sync(notices.add, [notice])
        await self.wake.notify(NOTICES)
        return notice

    async def change(self, statement: str) -> None:
        async with self.store.begin() as connection:
            await connection.execute(text(statement))

    async def found(self, notice: Notice) -> Notice:
        async with self.store.read() as connection:
            row = await connection.execute(select(tables.notice).where(tables.notice.c.id == notice.id))
            return Notice(**row.mappings().one())

    async def is_now(self, notice: Notice, state: str) -> None:
        async def there() -> bool:
            return (await self.found(notice)).state == state

        await until(there)


async def until(there: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await there():  # noqa: ASYNC110  # the database has no event for it
            await asyncio.sleep(0.02)


@asynccontextmanager
async def at_work(store: Store, database_url: str, clock: MovedClock, folder: Path) -> AsyncIterator[Office]:
    wake = Wake(database_url)
    await wake.start()
    async with relay() as sink:
        enclosures = Enclosures(documents_from_url(f"file://{folder}/documents", folder / "cache"), Sandbox())
        one = Postman(
            store,
            enclosures,
            mailer_from_url(sink.url),
            None,
            HttpCallbacks(),
            wake,
            clock,
            mail_from="faxgate@fax.example.com",
            hostname="fax.example.com",
            lease=LEASE,
        )
        running = asyncio.create_task(one.run())
        try:
            yield Office(store, sink, wake, clock, running, one)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await one.close()
            await wake.stop()


@pytest.fixture
async def office(store: Store, database_url: str, clock: MovedClock, tmp_path: Path) -> AsyncIterator[Office]:
    async with at_work(store, database_url, clock, tmp_path) as opened:
        yield opened


async def test_an_answer_is_kept_until_the_database_has_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postman, "WRITE_AGAIN_SECONDS", 0.05)
    await office.change("ALTER TABLE notice_attempt RENAME TO away")
    notice = await office.tell()

    async def taken() -> bool:
        return bool(office.sink.accepted)

    await until(taken)
    await asyncio.sleep(LONGER)
    assert (await office.found(notice)).state == PENDING
    await office.change("ALTER TABLE away RENAME TO notice_attempt")
    await office.is_now(notice, SENT)
    assert len(office.sink.accepted) == 1


async def test_what_is_under_way_is_not_begun_again_when_its_lease_is_lost(office: Office) -> None:
    slow = Slow()
    office.sink.on_dot = [slow, slow]
    notice = await office.tell()
    await slow.are(1)
    for _ in range(5):
        await office.change("UPDATE notice SET lease_until = '2020-01-01 00:00:00.000000'")
        await office.wake.notify(NOTICES)
        await asyncio.sleep(0.02)
    assert slow.waiting == 1
    slow.answer()
    await office.is_now(notice, SENT)


async def test_leases_are_kept_while_the_last_mails_leave(office: Office) -> None:
    """Else another process takes over what this one is about to have sent."""
    slow = Slow()
    office.sink.on_dot = [slow]
    notice = await office.tell()
    await slow.are(1)
    office.running.cancel()
    closing = asyncio.create_task(office.postman.close())
    await asyncio.sleep(LONGER)
    held = (await office.found(notice)).lease_until
    assert held is not None
    assert held > office.clock.now()
    slow.answer()
    await closing
    assert (await office.found(notice)).state == SENT


async def test_what_had_to_wait_for_us_is_not_given_up_at_the_first_no(office: Office) -> None:
    office.sink.on_rcpt = ["450 4.2.0 Greylisted"]
    notice = await office.tell(days=GIVE_UP_AFTER[notices.EMAIL].days + 1)

    async def tried() -> bool:
        return bool((await office.found(notice)).answer)

    await until(tried)
    assert (await office.found(notice)).state == PENDING
    office.sink.on_rcpt = ["450 4.2.0 Greylisted"]
    await office.change(f"UPDATE notice SET attempts = {len(PAUSES)}, due_at = created_at")
    await office.wake.notify(NOTICES)
    await office.is_now(notice, FAILED)


async def test_whose_claim_is_lost_writes_no_mail_that_follows(office: Office, seed: Seed) -> None:
    reached, over = asyncio.Event(), asyncio.Event()

    async def refuse(server: SMTP) -> str:
        reached.set()
        await over.wait()
        return "550 5.7.1 Spam"

    office.sink.on_dot = [refuse]
    fax = await seed.fax(await seed.account())
    notice = await office.tell(fax_id=fax.id, kind=notices.INBOUND_FAX)
    await reached.wait()
    await office.change("UPDATE notice SET claim_token = 'another', lease_until = '2100-01-01 00:00:00.000000'")
    over.set()

    async def noted() -> bool:
        async with office.store.read() as connection:
            return bool(await notices.tries(connection, notice.id))

    await until(noted)
    async with office.store.read() as connection:
        assert [(one.id, one.state) for one in await notices.of_fax(connection, fax.id)] == [(notice.id, PENDING)]


async def test_a_row_that_cannot_be_read_does_not_end_the_post(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    notice = await office.tell(days=1)
    await office.is_now(notice, SENT)
    await office.change("UPDATE notice SET state = 'pending', due_at = '2020', message = 'x', created_at = 'never'")
    await office.wake.notify(NOTICES)

    async def told() -> bool:
        return "cannot be claimed" in caplog.text

    await until(told)
    await office.change("DELETE FROM notice")
    await office.is_now(await office.tell(), SENT)
