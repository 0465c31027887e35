"""An incoming call that is told of more than once: by a line after a crash, or by two processes on one FreeSWITCH."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.accounts import Account, Faxbox
from gateway.alerts import Operator
from gateway.fax import CallResult, Direction, Fax, Progress, Status
from gateway.ids import new_id
from gateway.inbound import Inbound, _call_record
from gateway.ports import IncomingCall
from gateway.sandbox import Sandbox
from gateway.storage import FileDocuments
from gateway.store import accounts, attempts, faxes, notices
from gateway.store.engine import Store
from gateway.store.wake import Wake
from tests.conftest import MovedClock
from tests.lines.bench import draw_fax
from tests.reading import all_faxes
from tests.warm import WarmServers

NUMBER = "+15551230001"
RESULT = CallResult(success=True, answered=True, pages=1, total_pages=1, result_code=0, rate=14400)


@pytest.fixture
async def box(store: Store, clock: MovedClock) -> Faxbox:
    account = Account(id=new_id(), name="A", created_at=clock.now())
    box = Faxbox(
        id=new_id(),
        account_id=account.id,
        name="Front",
        created_at=clock.now(),
        numbers=(NUMBER,),
        inbound_email=("front@example.com",),
    )
    async with store.begin() as connection:
        await accounts.add_account(connection, account)
        await accounts.add_faxbox(connection, box)
    return box


@pytest.fixture
async def two(
    store: Store, database_url: str, wake: Wake, clock: MovedClock, tmp_path: Path, box: Faxbox, warm: WarmServers
) -> AsyncIterator[tuple[Inbound, Inbound]]:
    """The incoming sides of two processes."""
    sandbox, other = Sandbox(boot=warm.boot), await Store.open(database_url)
    await sandbox.start()
    (tmp_path / "spool").mkdir()
    one = Inbound(
        store=store,
        documents=FileDocuments(tmp_path / "documents"),
        sandbox=sandbox,
        wake=wake,
        clock=clock,
        spool=tmp_path / "spool",
        operator=Operator(address="ops@example.com", sender="faxgate@example.com", hostname="example.com"),
    )
    yield one, replace(one, store=other)
    await sandbox.stop()
    await other.close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return draw_fax(tmp_path / "received.tif", 1)


def call() -> IncomingCall:
    return IncomingCall(
        call_id=new_id(),
        line="freeswitch://fs.example.com:8021",
        from_number="+12025550190",
        to_number=NUMBER,
        started_at=datetime.now(UTC),
    )


async def received(store: Store, box: Faxbox) -> list[Fax]:
    async with store.read() as connection:
        return await all_faxes(connection, box.account_id, Direction.INBOUND)


async def test_two_that_hear_of_its_beginning_make_one_fax(two: tuple[Inbound, Inbound], box: Faxbox) -> None:
    calls = [call() for _ in range(5)]
    await asyncio.gather(*(one.began(each) for each in calls for one in (*two, *two)))
    assert [fax.id for fax in await received(two[0].store, box)] == [each.call_id for each in calls]


async def test_the_second_waits_for_the_first_and_finds_it_told(two: tuple[Inbound, Inbound], box: Faxbox) -> None:
    one, other = two
    begins = call()
    fax = Fax(
        id=begins.call_id,
        account_id=box.account_id,
        faxbox_id=box.id,
        direction=Direction.INBOUND,
        status=Status.RECEIVING,
        created_at=begins.started_at,
        updated_at=begins.started_at,
        pages=7,
    )
    async with one.store.begin() as connection:
        await attempts.begin(connection, _call_record(fax, begins))
        await connection.run_sync(faxes.add, [fax])
        second = asyncio.create_task(other.began(begins))
        await asyncio.sleep(0.2)
        assert not second.done()
    await second
    assert [(found.id, found.pages) for found in await received(one.store, box)] == [(fax.id, 7)]


async def test_two_that_hear_of_its_end_tell_of_it_once(
    two: tuple[Inbound, Inbound], box: Faxbox, image: Path, clock: MovedClock
) -> None:
    ended = call()
    await asyncio.gather(*(one.ended(ended, RESULT, image) for one in two))
    [fax] = await received(two[0].store, box)
    assert (fax.status, fax.pages) == (Status.RECEIVED, 1)
    assert await two[0].documents.open(fax.image_key)
    async with two[0].store.read() as connection:
        assert [notice.recipient for notice in await notices.of_fax(connection, fax.id)] == ["front@example.com"]
        assert [attempt.outcome for attempt in await attempts.of_fax(connection, fax.id)] == ["received"]
    for one in two:
        await one.ended(ended, replace(RESULT, pages=9), image)  # and after a crash again
        await one.progressed(Progress(call_id=ended.call_id, stage="page", page=9))
    assert await received(two[0].store, box) == [fax]


async def test_an_image_after_its_end_was_told_without_one_is_not_taken_for_stored(
    two: tuple[Inbound, Inbound], box: Faxbox, image: Path
) -> None:
    begins, lost = call(), CallResult(success=False, answered=True, result_text="The received image was not there.")
    assert await two[0].ended(begins, lost, None)
    assert await two[0].ended(begins, lost, None)
    assert not await two[1].ended(begins, RESULT, image)


async def test_a_line_that_cannot_write_is_told_to_the_operator_once(two: tuple[Inbound, Inbound], box: Faxbox) -> None:
    lost = CallResult(success=False, answered=True, result_code=41, result_text="TIFF/F file cannot be opened")
    for one in (*two, *two):
        await one.ended(call(), lost, None)
    assert {fax.status for fax in await received(two[0].store, box)} == {Status.FAILED}
    now = two[0].clock.now()
    async with two[0].store.begin() as connection:
        notice, nothing = [await notices.claim(connection, now, now + timedelta(hours=1)) for _ in range(2)]
    assert nothing is None
    assert notice is not None
    assert (notice.kind, notice.recipient, notice.fax_id) == ("operator_alert", "ops@example.com", None)
    assert notice.message is not None
    assert b"Fax line freeswitch://fs.example.com:8021: T.30 41" in notice.message


async def test_progress_that_comes_too_late_is_let_go(two: tuple[Inbound, Inbound], box: Faxbox) -> None:
    one, other = two
    begins = call()
    await one.began(begins)
    [fax] = await received(one.store, box)
    async with one.store.begin() as connection:
        late = asyncio.create_task(other.progressed(Progress(call_id=fax.id, stage="page", page=1)))
        await faxes.move(connection, fax, Status.FAILED, one.clock.now())
        await asyncio.sleep(0.2)
    await late
    assert [(found.status, found.pages) for found in await received(one.store, box)] == [(Status.FAILED, 0)]


async def test_a_fax_that_was_removed_is_not_received_again(
    two: tuple[Inbound, Inbound], box: Faxbox, image: Path
) -> None:
    ended = call()
    await two[0].ended(ended, RESULT, image)
    [fax] = await received(two[0].store, box)
    async with two[0].store.begin() as connection:
        await faxes.delete_ended(connection, fax)
    for one in two:
        await one.began(ended)
        await one.ended(ended, RESULT, image)
    assert await received(two[0].store, box) == []
