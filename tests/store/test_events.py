"""Live events: written with what they tell of, numbered in the order of the commits."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.fax import CallResult, Progress, Status
from gateway.store import events, faxes, queue
from gateway.store.engine import Store
from gateway.store.events import Event
from gateway.store.faxes import LostClaim
from gateway.store.wake import EVENTS, Wake
from tests.conftest import MovedClock
from tests.store.conftest import Seed


async def told(store: Store, account_id: str, sequence: int = 0) -> list[Event]:
    async with store.read() as connection:
        return await events.after(connection, account_id, sequence, 1000)


async def test_a_fax_tells_of_its_whole_way(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await seed.account()
    fax = await seed.fax(account, status=Status.ATTACHING_FILES)
    async with store.begin() as connection:
        await faxes.move(connection, fax, Status.PENDING, clock.now(), due_at=clock.now(), pages=2)
    async with store.begin() as connection:
        lease, trunk = clock.now() + timedelta(seconds=15), queue.Channels("trunk", 1)
        found = await queue.claim_call(connection, clock.now(), lease, [trunk])
    assert found is not None
    claimed, _ = found
    live = Progress(call_id="1", stage="page", rate=14400, ecm=True, page=1, pages=2)
    async with store.begin() as connection:
        await faxes.change(connection, claimed, clock.now(), progress=live)
    async with store.begin() as connection:
        result = CallResult(success=True, answered=True, pages=2, rate=9600)
        await faxes.move(connection, claimed, Status.COMPLETED, clock.now(), result=result)

    seen = await told(store, account.id)
    assert {event.fax_id for event in seen} == {fax.id}
    assert [(event.kind, event.data["status"]) for event in seen] == [
        ("status", "attaching_files"),
        ("status", "pending"),
        ("status", "processing"),
        ("progress", "processing"),
        ("status", "completed"),
    ]
    shown = {"status": "processing", "stage": "page", "page": 1, "pages": 2, "rate": 14400, "ecm": True, "error": ""}
    assert seen[3].data == shown
    assert (seen[4].data["page"], seen[4].data["pages"], seen[4].data["rate"]) == (2, 2, 9600)


async def test_what_is_rolled_back_tells_nothing(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await seed.account()
    fax = await seed.fax(account)

    async def cancel_twice() -> None:
        async with store.begin() as connection:
            await faxes.move(connection, fax, Status.CANCELLED, clock.now())
            await faxes.move(connection, fax, Status.CANCELLED, clock.now())

    with pytest.raises(LostClaim):
        await cancel_twice()
    other = await seed.fax(account)  # on the same connection
    assert [event.fax_id for event in await told(store, account.id)] == [fax.id, other.id]


async def test_a_group_of_mails_tells_of_each_in_order(store: Store, seed: Seed) -> None:
    one, other = await seed.account(), await seed.account()
    first = await seed.fax(one)
    group = [replace(first, id=f"{number:032}", account_id=(one, other)[number % 2].id) for number in range(40)]
    await store.commit(lambda connection: faxes.add(connection, group))
    mine = await told(store, one.id)
    assert [event.fax_id for event in mine] == [first.id, *(fax.id for fax in group[::2])]
    assert [event.fax_id for event in await told(store, other.id)] == [fax.id for fax in group[1::2]]
    assert [event.sequence for event in mine] == sorted(event.sequence for event in mine)


async def test_a_lower_number_is_never_seen_after_a_higher_one(store: Store, database_url: str, seed: Seed) -> None:
    """Many writers in two processes, and a reader that goes on from the last number it has seen."""
    account, other = await seed.account(), await seed.account()
    pattern = await seed.fax(account)
    neighbour = await Store.open(database_url)

    async def write(writer: Store, name: str) -> None:
        for number in range(12):
            made = [replace(pattern, id=f"{name}{number:028}{side}", account_id=side_id) for side, side_id in sides]
            async with writer.begin() as connection:
                await connection.run_sync(faxes.add, made)
                await asyncio.sleep(0)

    sides = [("a", account.id), ("b", other.id)]
    writers = [
        asyncio.create_task(write(writer, name))
        for writer, name in ((store, "p1-"), (neighbour, "q1-"), (store, "p2-"), (neighbour, "q2-"))
    ]
    seen: list[Event] = []
    while True:
        done = all(writer.done() for writer in writers)
        found = await told(store, account.id, seen[-1].sequence if seen else 0)
        seen += found
        if done and not found:
            break
        await asyncio.sleep(0)
    await asyncio.gather(*writers)
    await neighbour.close()
    assert len(seen) == 1 + 4 * 12
    assert len({event.fax_id for event in seen}) == 1 + 4 * 12


async def test_a_position_waits_for_a_number_that_is_given_but_not_visible(store: Store, seed: Seed) -> None:
    if store.sqlite:
        pytest.skip("SQLite has one writer")
    account = await seed.account()
    fax = await seed.fax(account)
    async with store.begin() as slow:
        events.note(slow, fax, events.STATUS, fax.updated_at)
        await slow.run_sync(events.write)  # it has its number now
        async with store.begin() as quick:
            events.note(quick, replace(fax, account_id="0" * 32), events.STATUS, fax.updated_at)  # a higher one

        async def position() -> int:
            async with store.read() as connection:
                return await events.position(connection, account.id)

        asking = asyncio.create_task(position())
        done, _ = await asyncio.wait([asking], timeout=0.3)
        assert not done
        slow.info["faxgate.events"].clear()
    assert [event.sequence for event in await told(store, account.id)][-1] <= await asking


async def test_old_events_go_and_a_reader_that_is_behind_them_is_known(
    store: Store, clock: MovedClock, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await seed.account()
    for _ in range(6):
        await seed.fax(account)
    sequences = [event.sequence for event in await told(store, account.id)]

    async def prune(limit: int = 5000) -> int:
        async with store.begin() as connection:
            return await events.prune(connection, clock.now(), limit)

    async def is_gone(sequence: int) -> bool:
        async with store.read() as connection:
            return await events.is_gone(connection, sequence)

    assert await prune() == 0
    assert not await is_gone(0)
    clock.advance(timedelta(days=1, seconds=1))
    assert await prune(limit=2) == 2
    assert [event.sequence for event in await told(store, account.id)] == sequences[2:]
    assert not await is_gone(sequences[1])
    assert await is_gone(sequences[0])
    assert await prune() == 3
    assert [event.sequence for event in await told(store, account.id)] == sequences[5:]  # how far it has got
    assert not await is_gone(sequences[5])
    assert await is_gone(sequences[5] + 1)  # of another database

    monkeypatch.setattr(events, "KEPT", 2)
    for _ in range(4):
        await seed.fax(account)
    await prune()
    assert len(await told(store, account.id)) == 2


async def test_every_process_is_woken_by_a_commit_that_tells_of_something(
    store: Store, wake: Wake, database_url: str, seed: Seed
) -> None:
    store.events_written = lambda: wake.soon(EVENTS)
    other = Wake(database_url)
    await other.start()
    account = await seed.account()  # tells nothing
    with wake.listening(EVENTS) as mine, other.listening(EVENTS) as theirs:
        mine.clear()
        theirs.clear()
        fax = await seed.fax(account)
        assert mine.is_set()
        async with asyncio.timeout(5):
            await theirs.wait()
        mine.clear()
        await store.commit(lambda connection: faxes.add(connection, [replace(fax, id="1" * 32)]))
        assert mine.is_set()
    await other.stop()
