"""Claims, leases and the limits that rows with unique keys hold, on both databases."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.fax import Fax, Status
from gateway.store import faxes, lines, queue
from gateway.store.engine import Store
from gateway.store.faxes import LostClaim
from gateway.store.queue import Channels
from tests.conftest import MovedClock
from tests.store.conftest import Seed

LEASE = timedelta(seconds=15)


TRUNK = Channels("trunk", 100)


async def claim_on(store: Store, clock: MovedClock, *free: Channels) -> tuple[Fax, str] | None:
    async with store.begin() as connection:
        return await queue.claim_call(connection, clock.now(), clock.now() + LEASE, free)


async def claim(store: Store, clock: MovedClock) -> Fax | None:
    claimed = await claim_on(store, clock, TRUNK)
    return None if claimed is None else claimed[0]


async def finish(store: Store, clock: MovedClock, fax: Fax) -> None:
    async with store.begin() as connection:
        await faxes.move(connection, fax, Status.COMPLETED, clock.now())
        await queue.release_slots(connection, fax.id)


async def test_the_fax_that_is_due_first_is_claimed_first(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await seed.account()
    later = await seed.fax(account, "+12025550191", due_at=clock.now() + timedelta(minutes=1))
    second = await seed.fax(account, "+12025550192", due_at=clock.now())
    first = await seed.fax(account, "+12025550193", due_at=clock.now() - timedelta(minutes=1))
    claims = [await claim(store, clock) for _ in range(3)]
    assert [fax and fax.id for fax in claims] == [first.id, second.id, None]
    clock.advance(timedelta(minutes=1))
    due = await claim(store, clock)
    assert due is not None
    assert due.id == later.id


async def test_what_is_urgent_goes_before_the_other_faxes_of_its_account_alone(
    store: Store, clock: MovedClock, seed: Seed
) -> None:
    account, other = await seed.account(), await seed.account()
    before = [clock.now() - timedelta(minutes=minutes) for minutes in (5, 4, 3, 2, 1)]
    low = await seed.fax(account, "+12025550191", due_at=before[0], priority=1)
    normal = await seed.fax(account, "+12025550192", due_at=before[1])
    theirs = await seed.fax(other, "+12025550193", due_at=before[2], priority=1)
    high = await seed.fax(account, "+12025550194", due_at=before[4], priority=-1)
    tomorrow = await seed.fax(account, "+12025550195", due_at=clock.now() + timedelta(days=1), priority=-1)
    claims = [await claim(store, clock) for _ in range(5)]
    # Urgent ones take the turn of their own account; the other account's turn comes when it would have come.
    assert [fax and fax.id for fax in claims] == [high.id, normal.id, low.id, theirs.id, None]
    assert tomorrow.due_at is not None


async def test_a_destination_is_called_once_at_a_time(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await seed.account()
    await seed.fax(account)
    await seed.fax(account)
    first = await claim(store, clock)
    assert first is not None
    assert await claim(store, clock) is None
    await finish(store, clock, first)
    assert await claim(store, clock) is not None


async def test_an_account_has_no_more_calls_than_it_may(store: Store, clock: MovedClock, seed: Seed) -> None:
    small, other = await seed.account(max_calls=2), await seed.account()
    for number in range(4):
        await seed.fax(small, f"+1202555019{number}")
    one, two = await claim(store, clock), await claim(store, clock)
    assert one is not None
    assert two is not None
    assert await claim(store, clock) is None
    elsewhere = await seed.fax(other, "+12025550199")
    claimed = await claim(store, clock)
    assert claimed is not None
    assert claimed.id == elsewhere.id
    await finish(store, clock, one)
    assert await claim(store, clock) is not None


async def test_a_line_has_no_more_calls_than_channels_whichever_processes_make_them(
    store: Store, database_url: str, clock: MovedClock, seed: Seed
) -> None:
    account = await seed.account(max_calls=100)
    for number in range(12):
        await seed.fax(account, f"+120255501{number:02}")
    narrow = Channels("freeswitch://fs.example.com:8021", 5)
    other = await Store.open(database_url)  # as another process has it

    async def work(own: Store) -> list[Fax]:
        claimed = []
        while (found := await claim_on(own, clock, narrow)) is not None:
            claimed.append(found[0])
        return claimed

    found = await asyncio.gather(*(work(own) for own in (store, other, store, other)))
    await other.close()
    claimed = [fax for each in found for fax in each]
    assert len(claimed) == 5
    assert await claim_on(store, clock, narrow) is None
    async with store.read() as connection:
        assert await lines.under_way(connection, [narrow.line, "another"]) == {narrow.line: 5, "another": 0}
    await finish(store, clock, claimed[0])
    assert await claim_on(store, clock, narrow) is not None
    assert await claim_on(store, clock, narrow) is None


async def test_where_the_best_line_is_full_the_next_one_is_taken(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await seed.account(max_calls=100)
    for number in range(4):
        await seed.fax(account, f"+1202555019{number}")
    one, two = Channels("one", 1), Channels("two", 2)
    taken = [await claim_on(store, clock, one, two) for _ in range(4)]
    assert [claimed and claimed[1] for claimed in taken] == ["one", "two", "two", None]


async def test_a_full_line_takes_no_place_of_anything_else(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await seed.account(max_calls=2)
    for number in range(3):
        await seed.fax(account, f"+1202555019{number}")
    one = Channels("one", 1)
    assert await claim_on(store, clock, one) is not None
    for _ in range(3):
        assert await claim_on(store, clock, one) is None
    assert await claim_on(store, clock, Channels("two", 1)) is not None


async def test_a_drained_line_gets_nothing_until_it_is_resumed(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await seed.account()
    for number in range(3):
        await seed.fax(account, f"+1202555019{number}")
    one, two = Channels("one", 9), Channels("two", 9)
    since = clock.now()
    async with store.begin() as connection:
        await lines.drain(connection, "one", since)
    async with store.begin() as connection:
        await lines.drain(connection, "one", since + timedelta(hours=1))  # drained already
        assert await lines.draining(connection) == {"one": since}
    assert await claim_on(store, clock, one) is None
    claimed = await claim_on(store, clock, one, two)
    assert claimed is not None
    assert claimed[1] == "two"
    async with store.begin() as connection:
        await lines.resume(connection, "one")
        assert await lines.draining(connection) == {}
    claimed = await claim_on(store, clock, one, two)
    assert claimed is not None
    assert claimed[1] == "one"


async def test_many_waiting_for_one_number_do_not_hold_up_the_others(
    store: Store, clock: MovedClock, seed: Seed
) -> None:
    account = await seed.account()
    for _ in range(queue.CANDIDATES * 3):
        await seed.fax(account, "+12025550191")
    free = await seed.fax(account, "+12025550192")
    assert await claim(store, clock) is not None
    second = await claim(store, clock)
    assert second is not None
    assert second.id == free.id


async def test_no_fax_is_claimed_twice_by_many_at_once(
    store: Store, database_url: str, clock: MovedClock, seed: Seed
) -> None:
    account = await seed.account(max_calls=100)
    for number in range(40):
        await seed.fax(account, f"+120255501{number:02}")
    other = await Store.open(database_url)  # as another process has it

    async def work(own: Store) -> list[str]:
        claimed = []
        while (fax := await claim(own, clock)) is not None:
            claimed.append(fax.id)
        return claimed

    found = await asyncio.gather(*(work(own) for own in (store, other, store, other)))
    # A claimer that lost a race may have seen the last faxes as taken: let it look again.
    found.append(await work(store))
    await other.close()
    counted = Counter(fax_id for claimed in found for fax_id in claimed)
    assert len(counted) == 40
    assert set(counted.values()) == {1}


async def test_what_a_dead_worker_held_is_taken_over_when_its_lease_is_out(
    store: Store, clock: MovedClock, seed: Seed
) -> None:
    await seed.fax(await seed.account())
    dead = await claim(store, clock)
    assert dead is not None
    async with store.begin() as connection:
        assert await queue.take_over(connection, clock.now(), clock.now() + LEASE) is None
    clock.advance(LEASE + timedelta(seconds=1))
    async with store.begin() as connection:
        heir = await queue.take_over(connection, clock.now(), clock.now() + LEASE)
    assert heir is not None
    assert heir.id == dead.id
    with pytest.raises(LostClaim):
        await finish(store, clock, dead)  # it was only slow, and may decide nothing any more
    await finish(store, clock, heir)


async def test_a_renewed_lease_is_not_taken_over(store: Store, clock: MovedClock, seed: Seed) -> None:
    await seed.fax(await seed.account())
    fax = await claim(store, clock)
    assert fax is not None
    assert fax.claim_token is not None
    clock.advance(LEASE - timedelta(seconds=1))
    async with store.begin() as connection:
        await queue.renew(connection, [fax.claim_token], clock.now() + LEASE)
    clock.advance(timedelta(seconds=5))
    async with store.begin() as connection:
        assert await queue.take_over(connection, clock.now(), clock.now() + LEASE) is None


async def test_a_fax_to_prepare_is_claimed_again_when_its_lease_is_out(
    store: Store, clock: MovedClock, seed: Seed
) -> None:
    await seed.fax(await seed.account(), status=Status.ATTACHING_FILES)

    async def prepare() -> Fax | None:
        async with store.begin() as connection:
            return await queue.claim_preparation(connection, clock.now(), clock.now() + LEASE, most_per_account=1)

    assert await prepare() is not None
    assert await prepare() is None
    clock.advance(LEASE + timedelta(seconds=1))
    assert await prepare() is not None


async def test_a_status_changes_only_as_the_table_says(store: Store, clock: MovedClock, seed: Seed) -> None:
    fax = await seed.fax(await seed.account())
    async with store.begin() as connection:
        with pytest.raises(ValueError, match="never goes from pending to completed"):
            await faxes.move(connection, fax, Status.COMPLETED, clock.now())
        with pytest.raises(LostClaim):
            await faxes.move(connection, replace(fax, status=Status.PROCESSING), Status.COMPLETED, clock.now())
        assert (await faxes.find(connection, fax.id)).status is Status.PENDING


async def test_slow_documents_of_one_account_leave_room_for_the_others(
    store: Store, clock: MovedClock, seed: Seed
) -> None:
    slow, other = await seed.account(), await seed.account()
    for _ in range(3):
        await seed.fax(slow, status=Status.ATTACHING_FILES, due_at=clock.now() - timedelta(minutes=1))
    waiting = await seed.fax(other, status=Status.ATTACHING_FILES)

    async def prepare() -> Fax | None:
        async with store.begin() as connection:
            return await queue.claim_preparation(connection, clock.now(), clock.now() + LEASE, most_per_account=1)

    first, second = await prepare(), await prepare()
    assert first is not None
    assert second is not None
    assert (first.account_id, second.id) == (slow.id, waiting.id)
    assert await prepare() is None
